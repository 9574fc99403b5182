"""Source-based routing for multi-homed Linux servers, as persistent native configuration."""

__version__ = "0.1.0"
