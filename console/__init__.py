"""The operator's view across packages: reads everything, owns no state. `audit` recomputes a sale and says what holds."""
