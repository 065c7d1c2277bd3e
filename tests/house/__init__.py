"""The style of this repository as tests: parsed once, no engines, under a second.

Where the code reads better another way, say so on the line, and it is counted:

    except Exception:  # house: broad-except because a loop's outermost frame must outlive any tick

`rules.py` names every rule and how many such escapes it may have in all.
"""
