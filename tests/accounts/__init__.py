"""Promises of the door: nobody gets in with a token that this house did not sign."""
