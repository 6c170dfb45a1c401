"""The fabric simulator: a machine of routers and processing elements that runs program images."""
