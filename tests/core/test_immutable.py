"""Which refusals say that a field cannot be changed; `tests/kube/test_immutable.py` asks a real API server."""

import pytest

from gitopsd.core.immutable import is_immutable, named_fields


@pytest.mark.parametrize(
    "message",
    [
        'Job.batch "j" is invalid: spec.template: Invalid value: {"labels":{}}: field is immutable',
        "[spec.completions: Invalid value: 3: no, spec.completionMode: Invalid value: null: field is immutable]",
        "spec: Forbidden: spec is immutable after creation except resources.requests for bound claims\n@@ -1 +1 @@",
        'ConfigMap "cm" is invalid: data: Forbidden: field is immutable when `immutable` is set',
        'spec.clusterIPs[0]: Invalid value: ["None"]: may not change once set',
        "value: Forbidden: may not be changed in an update.",
        'roleRef: Invalid value: {"Kind":"Role"}: cannot change roleRef',
        "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity",
        'spec.b: Invalid value: "2": failed rule: self == oldSelf',
        "the API server refused to apply batch/Job shop/x: a field cannot be changed: spec.template. Try: this",
    ],
)
def test_words_for_a_field_that_cannot_be_changed_are_known(message: str) -> None:
    assert is_immutable(message)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "spec.ports[0].port: Invalid value: 99999: must be between 1 and 65535, inclusive",
        'ConfigMap "immutable" is invalid: data[is immutable!]: Invalid value: "x": a valid config key must consist',
        'admission webhook "policy.example.org" denied the request: spec.a: field is immutable',
        "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: spec.a: field is immutable",
        'namespaces "immutable" not found',
    ],
)
def test_other_refusals_are_not_taken_for_it(message: str) -> None:
    assert not is_immutable(message)


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (
            "shop: it is refused: a field cannot be changed: spec.a: field is immutable. Try: this",
            "spec.a: field is immutable",
        ),
        ("spec.a: field is immutable. Try: this", "spec.a: field is immutable"),
    ],
)
def test_of_such_a_refusal_the_fields_can_be_told_alone(message: str, fields: str) -> None:
    assert named_fields(message) == fields
