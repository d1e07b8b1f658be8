"""Argo CD's metrics that have no counterpart here, and why; the others stand beside ours in the tables of names.

Source: https://argo-cd.readthedocs.io/en/stable/operator-manual/metrics/
"""

from __future__ import annotations

from typing import Final

ABSENT: Final = {
    "argocd_kubectl_exec_total, _pending": "No kubectl is started: objects are applied by requests of our own, which "
    "`kube_request_total` counts.",
    "argocd_redis_request_total, _duration": "There is no Redis.",
    "argocd_kubectl_requests_total": "The same requests are in `kube_request_total`, which takes the name "
    "`argocd_app_k8s_request_total` there.",
    "argocd_kubectl_request_retries_total": "A request that is tried again counts again in `kube_request_total`.",
    "argocd_kubectl_client_cert_rotation_age_seconds, _dns_resolution_duration_seconds, _request_size_bytes, "
    "_response_size_bytes, _exec_plugin_call_total, _transport_cache_entries, _transport_create_calls_total": "Insides "
    "of Go's client library, which is not used.",
    "workqueue_*": "Insides of Go's client library; see `reconcile_queue_depth` and `reconcile_under_way`.",
    "argocd_login_request_total": "There is nothing to sign in to: who may open the socket may use the API.",
    "argocd_proxy_extension_request_total, _duration_seconds": "There are no proxy extensions.",
    "grpc_server_*": "The API is HTTP and JSON.",
    "argocd_oci_test_repo_fail_total": "Repositories are not tested beside their use: `artifact_lookup_fail_total`.",
    "argocd_oci_get_tags_fail_total, argocd_oci_digest_metadata_fail_total": "Tags, digest and metadata come with one "
    "look-up: `artifact_lookup_fail_total`.",
    "argocd_appset_*, argocd_github_api_*": "There is no ApplicationSet controller.",
    "argocd_notifications_*": "There is no notifications controller.",
    "argocd_commitserver_*": "There is no commit server: gitopsd never writes to git.",
}
"""Names → why there is none; a name that begins with `_` has that of the one before it as its beginning."""
