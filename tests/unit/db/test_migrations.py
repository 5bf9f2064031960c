"""The revisions that the service compares are the newest ones."""

import pytest

from placement.db import migrations
from placement.db.migrations import commands


@pytest.mark.parametrize("chain", migrations.HEADS)
def test_the_head_of_a_chain_is_its_newest_revision(chain):
    assert migrations.HEADS[chain] == commands.head(chain)
