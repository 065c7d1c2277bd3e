"""The settings of the gateway's limits: how many sockets there may be, and how much may be said over them."""

from pydantic import BaseModel, ConfigDict, Field


class GatewaySettings(BaseModel):
    """A part of millpond.settings.Settings."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    gateway_sockets: int = Field(default=15_000, ge=1, le=1_000_000)
    """Sockets that one gateway process takes; its file limit has to be some hundreds above it."""

    gateway_sockets_per_address: int = Field(default=5_000, ge=1, le=1_000_000)
    """Sockets that one address may have at a process (a carrier hides thousands of viewers behind one)."""

    gateway_messages_per_s: float = Field(default=10, gt=0, le=100_000)
    """Messages that a socket may send per second, and…"""

    gateway_messages_burst: int = Field(default=30, ge=1, le=1_000_000)
    """…how many at once."""

    gateway_address_messages_per_s: float = Field(default=5_000, gt=0, le=1_000_000)
    """Messages that all sockets of one address together may send per second to a process (of thousands of viewers
    behind a carrier's address each has one a second), and…"""

    gateway_address_messages_burst: int = Field(default=30_000, ge=1, le=10_000_000)
    """…how many at once: enough for all of them to come back at the same moment."""
