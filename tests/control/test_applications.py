"""Which applications there are, and what they say of one another."""

from gitopsd.control.application import Application
from gitopsd.control.applications import Applications
from gitopsd.core.annotations import SKIP_RECONCILE
from gitopsd.core.app import Tracking, TrackingMethod
from gitopsd.core.ids import AppName
from gitopsd.core.tracking import mark
from gitopsd.testing.builders import an_app

ONE, TWO = AppName("one"), AppName("two")
LONG = AppName("an-application-with-a-name-that-is-longer-than-a-label-may-be-by-far")


def given(*names: AppName) -> Applications:
    applications = Applications()
    for name in names:
        applications.begin(Application.begin(an_app(name), None, 0.0))
    return applications


def test_one_that_departs_is_found_and_is_not_at_work() -> None:
    applications = given(ONE, TWO)
    app = applications.take_out(ONE)
    assert applications.find(ONE) is None
    applications.depart(app)
    assert applications.find(ONE) is app
    assert applications.get(ONE) is None
    assert list(applications.at_work) == [TWO]
    applications.gone(ONE)
    assert applications.find(ONE) is None


def test_one_that_comes_back_departs_no_more() -> None:
    applications = given(ONE)
    applications.depart(applications.take_out(ONE))
    fresh = Application.begin(an_app(ONE), None, 0.0)
    applications.begin(fresh)
    assert applications.find(ONE) is fresh
    assert not applications.departing


def test_one_that_rests_is_not_waited_for() -> None:
    applications = given(ONE)
    resting = an_app(TWO, annotations={SKIP_RECONCILE: "true"})
    applications.begin(Application.begin(resting, None, 0.0))
    assert applications.unseen() == 1
    applications.at_work[ONE].looked = True
    assert applications.unseen() == 0


def test_a_long_name_is_known_by_its_label_too() -> None:
    applications = given(LONG)
    label = Tracking(TrackingMethod.LABEL)
    assert applications.marked(mark(LONG, label), label)
    assert not applications.marked(mark(LONG, label), Tracking())
    assert applications.marked(LONG, Tracking())
