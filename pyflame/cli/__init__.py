"""The command line tools. Each module has one tool and its `main`."""
