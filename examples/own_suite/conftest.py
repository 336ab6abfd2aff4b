"""All a suite of one's own needs: the fixtures come with the plugin."""

pytest_plugins = ["prodtest_assets.pytest_plugin"]
