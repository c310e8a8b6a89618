"""What the scenarios stand on: servers, the pool that runs scenarios side by side, histories, refusals, raw workers.

Nothing here knows a scenario, and nothing here decides what a server should do.
"""
