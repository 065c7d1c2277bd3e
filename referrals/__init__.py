"""Back to the sharer: who shared what, who came through it, and what that is worth.

A share is a node of a tree, written once; a touch is a visit through one. What people share, rooms among it, is looked
up in a view of the database, for `referrals` knows nothing of `live`; what happens on a socket `millpond` brings here.
"""
