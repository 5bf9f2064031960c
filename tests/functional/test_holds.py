"""Holds expire by the database's clock, whoever looks."""

import uuid

import pytest
import sqlalchemy as sa

from placement import sweeper
from placement.context import RequestContext
from placement.db import tables
from tests.functional import invariants
