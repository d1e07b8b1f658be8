"""Links out of foreign text."""

import pytest

from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.links import Link, annotated_links, ingress_links, links_of, web_link


@pytest.mark.parametrize(
    "written",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,<script>",
        "vbscript:x",
        "\tjavascript:alert(1)",
        " https://example.org",
        "//example.org",
        "/path",
        "example.org",
        "https:///path",
        "https://exa mple.org",
        "https://example.org\\@evil.example.org",
        "https://example.org:99999",
        "ftp://example.org",
        "https://example.org/\u202e",
        "https://[::1",
        "",
        "https://example.org/" + "a" * 3000,
    ],
)
def test_X1_what_is_no_web_address_makes_no_link(written: str) -> None:
    assert web_link(written) == ""
    body: JsonObject = {"metadata": {"annotations": {"link.argocd.argoproj.io/a": written}}}
    assert annotated_links(body) == ()
    titled: JsonObject = {"metadata": {"annotations": {"link.argocd.argoproj.io/a": f"title|{written}"}}}
    assert annotated_links(titled) == ()


def test_links_are_put_together_anew_without_a_password() -> None:
    assert web_link("HTTPS://user:secret@Example.org:8443/a?b=c#d") == "https://example.org:8443/a?b=c#d"
    assert web_link("http://[2001:db8::1]/x") == "http://[2001:db8::1]/x"


def test_annotations_name_links() -> None:
    body: JsonObject = {
        "metadata": {
            "annotations": {
                "link.argocd.argoproj.io/logs": "https://logs.example.org",
                "link.argocd.argoproj.io/dash": "Dashboard|https://dash.example.org/x",
                "other": "https://other.example.org",
                "link.argocd.argoproj.io/number": 7,
            }
        }
    }
    assert annotated_links(body) == (
        Link("Dashboard", "https://dash.example.org/x"),
        Link("logs", "https://logs.example.org"),
    )


def test_an_ingress_is_reached_at_its_hosts_and_paths() -> None:
    body: JsonObject = {
        "spec": {
            "tls": [{"hosts": ["shop.example.org"]}],
            "rules": [
                {"host": "shop.example.org", "http": {"paths": [{"path": "/"}, {"path": "/api/*"}]}},
                {"host": "plain.example.org"},
                {"host": "*.example.org"},
            ],
        }
    }
    assert ingress_links(body) == (
        "https://shop.example.org",
        "https://shop.example.org/api/",
        "http://plain.example.org",
    )


def test_an_ingress_without_a_host_is_reached_at_its_load_balancer() -> None:
    body: JsonObject = {
        "spec": {"rules": [{"http": {"paths": [{"path": "/x"}]}}]},
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}, {"hostname": "lb.example.org"}]}},
    }
    assert ingress_links(body) == ("http://192.0.2.7/x", "http://lb.example.org/x")


def test_an_ingress_may_ask_for_no_links_of_its_own() -> None:
    body: JsonObject = {
        "metadata": {"annotations": {"argocd.argoproj.io/ignore-default-links": "true"}},
        "spec": {"rules": [{"host": "shop.example.org"}]},
    }
    assert ingress_links(body) == ()


INGRESS = ObjectKey("networking.k8s.io", "Ingress", "shop", "web")
HOSTS: JsonObject = {"spec": {"rules": [{"host": "shop.example.org"}], "tls": [{"hosts": ["shop.example.org"]}]}}


def test_links_of_an_object_are_what_it_says_and_where_it_is_reached() -> None:
    marks = {"link.argocd.argoproj.io/runbook": "https://wiki.example.org/shop", "link.argocd.argoproj.io/x": "no"}
    assert links_of(INGRESS, {"metadata": {"annotations": marks}, **HOSTS}) == (
        Link("runbook", "https://wiki.example.org/shop"),
        Link("shop.example.org", "https://shop.example.org"),
    )


def test_hosts_are_no_links_where_the_ingress_says_so_or_is_none() -> None:
    marks = {"argocd.argoproj.io/ignore-default-links": "true", "link.argocd.argoproj.io/a": "http://a.example.org"}
    assert links_of(INGRESS, {"metadata": {"annotations": marks}, **HOSTS}) == (Link("a", "http://a.example.org"),)
    assert links_of(INGRESS._replace(group="example.org"), HOSTS) == ()
