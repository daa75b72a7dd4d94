"""The tests of the package run pytest, which is under test itself."""

pytest_plugins = "pytester"
