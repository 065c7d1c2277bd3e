"""People, tokens and merchants: who is asking."""
