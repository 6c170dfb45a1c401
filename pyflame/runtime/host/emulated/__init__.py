"""A directory for the path of host scripts: it holds stand-ins for the SDK's Python packages.

`pyflame-cs-python` puts this directory on `sys.path`; nothing else does, so an installed PyFlame
adds no top-level package but its own.
"""
