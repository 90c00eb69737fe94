"""What works on this machine, for a team: engines, devices, data, disk, keys, models and servers, with their mends."""
