"""What contract tests share: they run over what the site declares and leave no trace in its registries."""

from tests.alerts.conftest import declarations_of_this_test, define, layer_of_this_thread, log

__all__ = ["declarations_of_this_test", "define", "layer_of_this_thread", "log"]
