import gc

from consumers.collector import THRESHOLDS, Collector


def test_what_was_there_is_frozen_while_it_runs_and_all_is_as_before_after_it():
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    collector = Collector()
    collector.tune()
    collector.tune()
    assert gc.get_threshold() == THRESHOLDS
    assert gc.get_freeze_count() > frozen
    collector.restore()
    collector.restore()
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)
