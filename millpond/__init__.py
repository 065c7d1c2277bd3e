"""Composition: the settings, the processes and the command line that turn the packages below into one running shop.

`settings` says what can be set, `engines` runs PostgreSQL and Valkey where no server is given, `up` keeps every
process of one machine running, `cli` is the command. Nothing below imports this package.
"""
