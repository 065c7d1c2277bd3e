"""Counters of the live room."""

from prometheus_client import Counter

FEED_FAULTS = Counter("millpond_feed_faults_total", "Connections of a room feed that were lost, or carried nothing")
FEED_RESYNCS = Counter("millpond_feed_resyncs_total", "Places whose log no longer had what a feed had missed")
INTERVALS_LOST = Counter("millpond_watch_intervals_lost_total", "Intervals given up while PostgreSQL was away too long")
