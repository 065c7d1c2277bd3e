"""What an operator sees of a gateway."""

from prometheus_client import Counter, Gauge, Histogram

SOCKETS = Gauge("millpond_gateway_sockets", "Sockets that are open")
MESSAGES = Counter("millpond_gateway_messages_total", "Messages of clients, by type", ["type"])
REFUSED = Counter("millpond_gateway_refused_total", "Messages of clients that were refused", ["problem"])
TICK_FRAMES = Counter("millpond_gateway_tick_frames_total", "Frames of ticks that were written")
CLOSED = Counter("millpond_gateway_closed_total", "Sockets that the gateway closed, by code", ["code"])
TURNED_AWAY = Counter("millpond_gateway_turned_away_total", "Handshakes that were refused, by status", ["status"])
TICK_S = Histogram(
    "millpond_gateway_tick_seconds", "What a tick took, all slices", buckets=(0.001, 0.005, 0.02, 0.1, 0.2, 0.5, 1)
)
