"""What a kustomization.yaml can say."""

# ruff: noqa: E501 - manifests are easier to compare when each is one line

from __future__ import annotations

import json

from gitopsd.core.jsonvalue import JsonValue
from tests.differential.case import Case, Content, Files, Outcome, Tool, config_map

DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {tier: front}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations: {note: a}
    spec:
      serviceAccountName: robot
      initContainers:
      - {name: init, image: "busybox:1.0"}
      containers:
      - name: main
        image: nginx:1.25
        args: ["--cfg=$(CFG_NAME)"]
        ports: [{containerPort: 80, protocol: TCP}]
        env:
        - {name: MODE, value: dev}
        - name: KEY
          valueFrom: {secretKeyRef: {name: keys, key: k}}
        envFrom:
        - configMapRef: {name: settings}
      - name: side
        image: registry.example.org:5000/team/side@sha256:0000000000000000000000000000000000000000000000000000000000000000
      volumes:
      - {name: s, configMap: {name: settings}}
      - {name: k, secret: {secretName: keys}}
      - {name: p, persistentVolumeClaim: {claimName: disk}}
"""
SERVICE = """apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
"""
OTHERS = """apiVersion: v1
kind: ServiceAccount
metadata: {name: robot}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: bind}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin-of-web}
subjects:
- {kind: ServiceAccount, name: robot, namespace: default}
- {kind: ServiceAccount, name: stranger, namespace: other}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: admin-of-web}
rules: [{apiGroups: [""], resources: [secrets], resourceNames: [keys], verbs: [get]}]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: disk}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  rules: [{host: x.example.org, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}]}}]
  tls: [{hosts: [x.example.org], secretName: keys}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: 1, maxReplicas: 3}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: hook}
webhooks: [{name: a.example.org, clientConfig: {service: {name: web, namespace: default}}}]
"""
WIDGET = """apiVersion: example.org/v1
kind: Widget
metadata: {name: gadget}
spec: {configMap: settings, image: nginx, replicas: 1, parts: [{name: a, size: 1}, {name: b, size: 2}]}
"""
_SET = {"deploy.yaml": DEPLOYMENT, "service.yaml": SERVICE, "others.yaml": OTHERS, "widget.yaml": WIDGET}
_ALL = "resources: [deploy.yaml, service.yaml, others.yaml, widget.yaml]\n"
_PAIR = "resources: [deploy.yaml, service.yaml]\n"
_SETTINGS = (
    "configMapGenerator: [{name: settings, literals: [a=1]}]\nsecretGenerator: [{name: keys, literals: [k=v]}]\n"
)


def _files(text: str, more: Files | None = None) -> dict[str, Content]:
    files: dict[str, Content] = {"app/kustomization.yaml": text}
    files.update({f"app/{name}": content for name, content in _SET.items()})
    for name, content in (more or {}).items():
        files[name if "/" in name and name.split("/")[0] in ("app", "base", "comp", "other") else f"app/{name}"] = (
            content
        )
    return files


def _case(feature: str, name: str, text: str, more: Files | None = None, outcome: Outcome = Outcome.EQUAL) -> Case:
    return Case(f"kustomize: {feature}", name, Tool.KUSTOMIZE, _files(text, more), outcome=outcome)


def _patch(target: str, operations: str) -> str:
    return f"patches:\n- target: {{{target}}}\n  patch: |-\n" + "".join(
        f"    {line}\n" for line in operations.splitlines()
    )


def _options(
    name: str, options: dict[str, JsonValue], *edits: tuple[str, ...], text: str = _ALL, more: Files | None = None
) -> Case:
    return Case("kustomize: source.kustomize", name, Tool.KUSTOMIZE, _files(text, more), options, edits=edits)


_OPENAPI = json.dumps(
    {
        "definitions": {
            "org.example.v1.Widget": {
                "type": "object",
                "x-kubernetes-group-version-kind": [{"group": "example.org", "version": "v1", "kind": "Widget"}],
                "properties": {
                    "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"},
                    "spec": {"type": "object", "properties": {"parts": {
                        "type": "array", "items": {"type": "object"}, "x-kubernetes-patch-merge-key": "name", "x-kubernetes-patch-strategy": "merge",
                    }}},
                },
            }
        }
    }
)  # fmt: skip

CASES = [
    _case("resources", "files", _ALL),
    _case("resources", "a base", "resources: [../base]\nnamePrefix: own-\n", {"base/kustomization.yaml": "resources: [s.yaml]\n", "base/s.yaml": SERVICE}),
    _case("resources", "two overlays of a base", "resources: [a, b]\n", {"base/kustomization.yaml": "resources: [s.yaml]\n", "base/s.yaml": SERVICE, "app/a/kustomization.yaml": "resources: [../../base]\nnamePrefix: a-\n", "app/b/kustomization.yaml": "resources: [../../base]\nnamePrefix: b-\n"}),
    _case("resources", "the same object twice", "resources: [service.yaml, again.yaml]\n", {"again.yaml": SERVICE}, Outcome.REFUSED),
    _case("resources", "one that is missing", "resources: [gone.yaml]\n", None, Outcome.REFUSED),
    _case("resources", "a circle", "resources: [../base]\n", {"base/kustomization.yaml": "resources: [../app]\n"}, Outcome.REFUSED),
    _case("resources", "the older key bases", "bases: [../base]\nnameSuffix: -x\n", {"base/kustomization.yaml": "resources: [s.yaml]\n", "base/s.yaml": SERVICE}),
    _case("resources", "lists and empty documents", "resources: [l.yaml]\n", {"l.yaml": "---\n# nothing\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n- {apiVersion: v1, kind: Pod, metadata: {name: b}}\n---\n" + config_map("c")}),
    _case("resources", "json", "resources: [l.json]\n", {"l.json": '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"x": 1.0, "y": 1e3, "z": "yes"}}'}),
    _case("resources", "kustomization.yml and comments", "# head\nresources:\n# a\n- service.yaml # b\n"),
    _case("resources", "an unknown field", "resources: [service.yaml]\nresource: [x]\n", None, Outcome.REFUSED),
    _case("resources", "nothing at all", "", None, Outcome.REFUSED),
    _case("resources", "scalars go through", "resources: [s.yaml]\nnamePrefix: x-\n", {"s.yaml": 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {q: "1", r: "yes"}}\nspec:\n  a: 1e3\n  b: 0o17\n  c: 017\n  d: yes\n  e: "yes"\n  f: 12345678901234567890\n  g: 1.0\n  h: ~\n  i: 2020-01-01\n  j: 1:30\n  k: 0x1F\n  l: 1_000\n  m: .5\n  n: on\n  o: y\n  p: 9007199254740993\n  q: -0.0\n  s: "0o17"\n  t: "1e3"\n  u: "null"\n  v: \'\'\n  w: |\n    a\n    b\n  x: >-\n    c\n    d\n'}),
    _case("resources", "anchors and merges", "resources: [s.yaml]\n", {"s.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: &m {name: a, labels: &l {x: y}}\ndata: {<<: *l, c: d}\nother: *l\n"}),
    _case("resources", "generateName", "resources: [j.yaml]\nnamePrefix: p-\n", {"j.yaml": "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: j-}\nspec: {}\n"}, Outcome.REFUSED),
    _case("namePrefix, nameSuffix", "with references", _ALL + _SETTINGS + "namePrefix: pre-\nnameSuffix: -post\n"),
    _case("namePrefix, nameSuffix", "nested", "resources: [../base]\nnamePrefix: b-\n", {"base/kustomization.yaml": "resources: [d.yaml, s.yaml]\nnamePrefix: a-\nnameSuffix: -z\n" + _SETTINGS, "base/d.yaml": DEPLOYMENT, "base/s.yaml": OTHERS}),
    _case("namespace", "set everywhere", _ALL + _SETTINGS + "namespace: shop-2\n"),
    _case("namespace", "over others'", "resources: [s.yaml]\nnamespace: mine\n", {"s.yaml": SERVICE.replace("{name: web}", "{name: web, namespace: other}") + "---\n" + OTHERS}),
    _case("namespace", "transformer that keeps", "resources: [s.yaml]\ntransformers: [t.yaml]\n", {"s.yaml": SERVICE.replace("{name: web}", "{name: web, namespace: other}") + "---\n" + config_map("x"), "t.yaml": "apiVersion: builtin\nkind: NamespaceTransformer\nmetadata: {name: n, namespace: mine}\nunsetOnly: true\n"}),
    _case("labels", "pairs alone", _PAIR + "labels: [{pairs: {team: a}}]\n"),
    _case("labels", "with selectors", _ALL + "labels: [{pairs: {team: a}, includeSelectors: true}]\n"),
    _case("labels", "with templates", _PAIR + "labels: [{pairs: {team: a}, includeTemplates: true}, {pairs: {b: c}}]\n"),
    _case("labels", "own fields", _ALL + "labels: [{pairs: {team: a}, fields: [{path: spec/labels, kind: Widget, create: true}]}]\n"),
    _case("labels", "commonLabels", _ALL + "commonLabels: {team: a, app: other}\n"),
    _case("labels", "that look like numbers", _PAIR + 'labels: [{pairs: {a: "1", b: "yes", c: "1e3", d: "null"}}]\n'),
    _case("commonAnnotations", "everywhere", _ALL + 'commonAnnotations: {owner: "me", num: "1", long: "a b"}\n'),
    _case("images", "tag, name, digest", _ALL + "images:\n- {name: nginx, newTag: '1.27'}\n- {name: busybox, newName: mirror.example.org/busybox}\n- {name: registry.example.org:5000/team/side, digest: 'sha256:1111111111111111111111111111111111111111111111111111111111111111'}\n"),
    _case("images", "name and tag over a digest", _ALL + "images: [{name: registry.example.org:5000/team/side, newName: side, newTag: v1}]\n"),
    _case("images", "tagSuffix", _PAIR + "images: [{name: nginx, tagSuffix: -alpine}]\n"),
    _case("images", "a tag that is a number", _PAIR + "images: [{name: nginx, newTag: '1.10'}, {name: busybox, newTag: 2}]\n", None, Outcome.REFUSED),
    _case("images", "in a kind of its own", "resources: [widget.yaml]\nimages: [{name: nginx, newTag: '2'}]\nconfigurations: [c.yaml]\n", {"c.yaml": "images: [{path: spec/image, kind: Widget}]\n"}),
    _case("replicas", "of workloads", _ALL + "replicas: [{name: web, count: 5}]\n"),
    _case("replicas", "of nobody", _PAIR + "replicas: [{name: gone, count: 5}]\n", None, Outcome.REFUSED),
    _case("configMapGenerator", "literals", "configMapGenerator:\n- name: a\n  literals: [x=1, 'y=a b', \"z='q'\", 'e=', 'u=https://h?a=b', 'w=\"double\"']\n"),
    _case("configMapGenerator", "files", "configMapGenerator:\n- name: a\n  files: [f.txt, other=f.txt, d/g.bin]\n", {"f.txt": "line\nline 2\n", "d/g.bin": b"\x00\xff"}),
    _case("configMapGenerator", "envs", "configMapGenerator:\n- name: a\n  envs: [a.env]\n  env: b.env\n", {"a.env": "# c\nA=1\nB=a b\nC=\n\nD='q'\n", "b.env": 'E="x"\n'}),
    _case("configMapGenerator", "options", "configMapGenerator:\n- name: a\n  namespace: own\n  literals: [x=1]\n  options: {disableNameSuffixHash: true, labels: {l: m}, annotations: {a: b}, immutable: true}\ngeneratorOptions: {labels: {g: h}}\n"),
    _case("configMapGenerator", "behaviour merge", "resources: [../base]\nconfigMapGenerator: [{name: a, behavior: merge, literals: [x=2, z=3]}]\n", {"base/kustomization.yaml": "configMapGenerator: [{name: a, literals: [x=1, y=1]}]\n"}),
    _case("configMapGenerator", "behaviour replace", "resources: [../base]\nconfigMapGenerator: [{name: a, behavior: replace, literals: [z=3]}]\n", {"base/kustomization.yaml": "configMapGenerator: [{name: a, literals: [x=1, y=1]}]\n"}),
    _case("configMapGenerator", "hashes follow into references", _ALL + _SETTINGS),
    _case("configMapGenerator", "the same name twice", "configMapGenerator: [{name: a, literals: [x=1]}, {name: a, literals: [y=1]}]\n", None, Outcome.REFUSED),
    _case("secretGenerator", "types", "secretGenerator:\n- {name: a, literals: [x=1], type: Opaque}\n- {name: t, files: [tls.crt=f, tls.key=f], type: kubernetes.io/tls}\n- {name: e, envs: [a.env]}\n", {"f": "cert\n", "a.env": "A=1\n"}),
    _case("generatorOptions", "no hash", _SETTINGS + "generatorOptions: {disableNameSuffixHash: true, annotations: {a: b}}\n"),
    _case("generatorOptions", "immutable", _SETTINGS + "generatorOptions: {immutable: true}\n"),
    _case("patches", "strategic merge by file", _PAIR + "patches: [{path: p.yaml}]\n", {"p.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n      - name: main\n        env: [{name: MODE, value: prod}, {name: NEW, value: '1'}]\n      - {name: side, $patch: delete}\n"}),
    _case("patches", "strategic merge of two documents", _PAIR + "patches: [{path: p.yaml}]\n", {"p.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: NodePort}\n"}),
    _case("patches", "null takes a field away", _PAIR + _patch("kind: Deployment", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: any, labels: null}\nspec: {replicas: null}")),
    _case("patches", "directives", _PAIR + _patch("kind: Deployment", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: any}\nspec:\n  template:\n    spec:\n      volumes: [{$patch: replace}, {name: only, emptyDir: {}}]\n      initContainers: [{name: init, $patch: delete}]")),
    _case("patches", "JSON 6902 inline", _PAIR + _patch("kind: Deployment, name: web", '- {op: replace, path: /spec/replicas, value: 7}\n- {op: add, path: /metadata/annotations, value: {"a/b": "c"}}\n- {op: add, path: /spec/template/spec/containers/0/args/-, value: more}\n- {op: remove, path: /spec/template/spec/containers/1}\n- {op: copy, from: /metadata/name, path: /metadata/labels/copied}\n- {op: move, from: /metadata/labels/tier, path: /metadata/labels/moved}\n- {op: test, path: /spec/replicas, value: 7}')),
    _case("patches", "JSON 6902 as a json file", _PAIR + "patches: [{target: {kind: Service}, path: p.json}]\n", {"p.json": '[{"op": "replace", "path": "/spec/ports/0/port", "value": 8080}, {"op": "add", "path": "/metadata/annotations/x~1y", "value": "1"}]'}),
    _case("patches", "escaped paths", _PAIR + _patch("kind: Service", '- {op: add, path: /metadata/annotations, value: {}}\n- {op: add, path: /metadata/annotations/x~1y~0z, value: "1"}')),
    _case("patches", "targets by labels and expressions", _ALL + _patch("labelSelector: tier=front", "- {op: add, path: /metadata/labels/hit, value: 'yes'}") + "- target: {kind: Service|Ingress, name: w.*}\n  patch: |-\n    - {op: add, path: /metadata/labels, value: {hit: also}}\n"),
    _case("patches", "a target that is not there", _PAIR + _patch("kind: Gone", "- {op: remove, path: /spec}")),
    _case("patches", "a path that is not there", _PAIR + _patch("kind: Service", "- {op: remove, path: /spec/gone}"), None, Outcome.REFUSED),
    _case("patches", "names and kinds may change", _PAIR + "patches:\n- target: {kind: Service}\n  options: {allowNameChange: true, allowKindChange: true}\n  patch: |-\n    - {op: replace, path: /metadata/name, value: other}\n    - {op: replace, path: /kind, value: Other}\n"),
    _case("patches", "of a custom resource", "resources: [widget.yaml]\npatches: [{path: p.yaml}]\n", {"p.yaml": "apiVersion: example.org/v1\nkind: Widget\nmetadata: {name: gadget}\nspec: {parts: [{name: b, size: 9}], more: {x: 1}}\n"}),
    _case("patches", "the older keys", _PAIR + "patchesStrategicMerge:\n- p.yaml\n- |-\n  apiVersion: v1\n  kind: Service\n  metadata: {name: web}\n  spec: {type: NodePort}\npatchesJson6902:\n- target: {group: apps, version: v1, kind: Deployment, name: web}\n  path: j.yaml\n", {"p.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3}\n", "j.yaml": "- {op: replace, path: /metadata/labels/tier, value: back}\n"}),
    _case("components", "of an overlay", "resources: [../base]\ncomponents: [../comp]\nnamePrefix: x-\n", {"base/kustomization.yaml": "resources: [d.yaml]\n", "base/d.yaml": DEPLOYMENT, "comp/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [c.yaml]\npatches:\n- target: {kind: Deployment}\n  patch: |-\n    - {op: replace, path: /spec/replicas, value: 4}\nconfigMapGenerator: [{name: settings, literals: [c=1]}]\n", "comp/c.yaml": config_map("from-component")}),
    _case("components", "one over another", _PAIR + "components: [../comp, ../other]\n", {"comp/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nreplicas: [{name: web, count: 2}]\n", "other/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nreplicas: [{name: web, count: 3}]\nlabels: [{pairs: {o: p}}]\n"}),
    _case("components", "as a resource", "resources: [../comp]\n", {"comp/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: a-\n"}, Outcome.REFUSED),
    _case("replacements", "from a field", _ALL + "replacements:\n- source: {kind: Service, fieldPath: 'spec.ports.[name=http].port'}\n  targets:\n  - {select: {kind: Deployment}, fieldPaths: ['spec.template.spec.containers.[name=main].ports.0.containerPort']}\n"),
    _case("replacements", "part of a text", _ALL + "replacements:\n- source: {kind: Service, name: web}\n  targets:\n  - select: {kind: Ingress}\n    fieldPaths: ['spec.rules.*.host', 'spec.tls.*.hosts.*']\n    options: {delimiter: '.', index: 0}\n"),
    _case("replacements", "made fields and rejected ones", _ALL + "replacements:\n- source: {kind: ServiceAccount, name: robot, fieldPath: metadata.name}\n  targets:\n  - select: {kind: Deployment}\n    reject: [{name: other}]\n    fieldPaths: ['metadata.annotations.robot', 'spec.template.metadata.annotations.[robot]', 'spec.template.metadata.annotations.robot']\n    options: {create: true}\n", None, Outcome.REFUSED),
    _case("replacements", "created", _ALL + "replacements:\n- source: {kind: ServiceAccount, name: robot, fieldPath: metadata.name}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: ['metadata.annotations.robot', 'spec.template.metadata.annotations.robot']\n    options: {create: true}\n"),
    _case("replacements", "in a file", _ALL + "replacements: [{path: r.yaml}]\n", {"r.yaml": "source: {kind: ClusterRole, fieldPath: metadata.name}\ntargets:\n- select: {kind: Widget}\n  fieldPaths: [spec.configMap]\n"}),
    _case("replacements", "after a prefix", _ALL + _SETTINGS + "namePrefix: p-\nreplacements:\n- source: {kind: ConfigMap, name: settings, fieldPath: metadata.name}\n  targets:\n  - {select: {kind: Widget}, fieldPaths: [spec.configMap]}\n"),
    _case("replacements", "a source that is not there", _ALL + "replacements:\n- source: {kind: Gone, fieldPath: metadata.name}\n  targets: [{select: {kind: Widget}, fieldPaths: [spec.configMap]}]\n", None, Outcome.REFUSED),
    _case("vars", "of a name", _ALL + _SETTINGS + "vars:\n- {name: CFG_NAME, objref: {kind: ConfigMap, name: settings, apiVersion: v1}}\n"),
    _case("vars", "of a field", _ALL + "vars:\n- {name: CFG_NAME, objref: {kind: Service, name: web, apiVersion: v1}, fieldref: {fieldpath: 'spec.selector.app'}}\nnamePrefix: v-\n"),
    _case("configurations", "name references of a kind", "resources: [widget.yaml]\nnamePrefix: p-\n" + _SETTINGS + "configurations: [c.yaml]\n", {"c.yaml": "nameReference:\n- kind: ConfigMap\n  version: v1\n  fieldSpecs: [{path: spec/configMap, kind: Widget}]\n"}),
    _case("configurations", "more of them", _ALL + "namePrefix: p-\ncommonLabels: {a: b}\ncommonAnnotations: {c: d}\nconfigurations: [c.yaml]\n", {"c.yaml": "namePrefix: [{path: metadata/name}]\ncommonLabels: [{path: spec/labels, kind: Widget, create: true}]\ncommonAnnotations: [{path: spec/notes, kind: Widget, create: true}]\nvarReference: [{path: spec/configMap, kind: Widget}]\nreplicas: [{path: spec/replicas, kind: Widget}]\n"}),
    _case("openapi", "merge keys of a kind", "resources: [widget.yaml]\nopenapi: {path: schema.json}\npatches: [{path: p.yaml}]\n", {"schema.json": _OPENAPI, "p.yaml": "apiVersion: example.org/v1\nkind: Widget\nmetadata: {name: gadget}\nspec: {parts: [{name: b, size: 9}]}\n"}),
    _case("openapi", "crds", "resources: [gadget.yaml]\nnamePrefix: p-\ncrds: [crd.json]\n" + _SETTINGS, {"gadget.yaml": "apiVersion: example.org/v1\nkind: Widget\nmetadata: {name: gadget}\nspec: {configMap: {name: settings}}\n", "crd.json": json.dumps({"org.example.v1.Widget": {"Schema": {"properties": {"spec": {"$ref": "org.example.v1.WidgetSpec"}, "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"$ref": "k8s.io/apimachinery/pkg/apis/meta/v1.ObjectMeta"}}}}, "org.example.v1.WidgetSpec": {"Schema": {"properties": {"configMap": {"x-kubernetes-object-ref-api-version": "v1", "x-kubernetes-object-ref-kind": "ConfigMap", "type": "object"}}}}})}),
    _case("transformers", "built in ones by file", _PAIR + "transformers: [t.yaml]\n", {"t.yaml": "apiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: p}\nprefix: t-\nfieldSpecs: [{path: metadata/name}]\n---\napiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: l}\nlabels: {t: u}\nfieldSpecs: [{path: metadata/labels, create: true}]\n---\napiVersion: builtin\nkind: AnnotationsTransformer\nmetadata: {name: a}\nannotations: {v: w}\nfieldSpecs: [{path: metadata/annotations, create: true}]\n"}),
    _case("transformers", "image, replicas, patch, suffix", _PAIR + "transformers: [t.yaml]\n", {"t.yaml": "apiVersion: builtin\nkind: ImageTagTransformer\nmetadata: {name: i}\nimageTag: {name: nginx, newTag: '9'}\n---\napiVersion: builtin\nkind: ReplicaCountTransformer\nmetadata: {name: r}\nreplica: {name: web, count: 6}\nfieldSpecs: [{path: spec/replicas, kind: Deployment}]\n---\napiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\ntarget: {kind: Service}\npatch: |-\n  - {op: add, path: /spec/type, value: NodePort}\n---\napiVersion: builtin\nkind: SuffixTransformer\nmetadata: {name: s}\nsuffix: -t\nfieldSpecs: [{path: metadata/name}]\n"}),
    _case("transformers", "inline", _PAIR + "transformers:\n- |-\n  apiVersion: builtin\n  kind: NamespaceTransformer\n  metadata: {name: n, namespace: inline}\n  fieldSpecs: [{path: metadata/namespace, create: true}]\n"),
    _case("transformers", "generators", "generators: [g.yaml]\n", {"g.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: made}\nliterals: [a=b]\n---\napiVersion: builtin\nkind: SecretGenerator\nmetadata: {name: hidden}\nliterals: [c=d]\ntype: Opaque\n"}),
    _case("transformers", "programs", _PAIR + "transformers: [t.yaml]\n", {"t.yaml": "apiVersion: x.org/v1\nkind: Evil\nmetadata: {name: e, annotations: {config.kubernetes.io/function: 'exec: {path: ./x}'}}\n"}, Outcome.REFUSED),
    _case("validators", "that are programs", _PAIR + "validators: [v.yaml]\n", {"v.yaml": "apiVersion: x.org/v1\nkind: Evil\nmetadata: {name: e}\n"}, Outcome.REFUSED),
    _case("sortOptions", "legacy", _ALL + "sortOptions: {order: legacy}\n"),
    _case("sortOptions", "legacy with own order", _ALL + "sortOptions: {order: legacy, legacySortOptions: {orderFirst: [Widget], orderLast: [Namespace]}}\n"),
    _case("sortOptions", "fifo", _ALL + "sortOptions: {order: fifo}\n"),
    _case("buildMetadata", "all", _PAIR + _SETTINGS + "patches: [{path: p.yaml}]\nbuildMetadata: [managedByLabel, originAnnotations, transformerAnnotations]\n", {"p.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: NodePort}\n"}),
    _case("load restrictor", "a file above", "resources: [../other/x.yaml]\n", {"other/x.yaml": SERVICE}, Outcome.REFUSED),
    _options("namePrefix, nameSuffix", {"namePrefix": "a-", "nameSuffix": "-b"}, ("set", "nameprefix", "--", "a-"), ("set", "namesuffix", "--", "-b")),
    _options("namespace", {"namespace": "set"}, ("set", "namespace", "--", "set")),
    _options("images", {"images": ["nginx:1.30", "busybox=mirror/busybox", "registry.example.org:5000/team/side=side:2"]}, ("set", "image", "nginx:1.30", "busybox=mirror/busybox", "registry.example.org:5000/team/side=side:2")),
    _options("images with digests", {"images": ["nginx@sha256:" + "2" * 64, "busybox=m:5000/b@sha256:" + "3" * 64]}, ("set", "image", "nginx@sha256:" + "2" * 64, "busybox=m:5000/b@sha256:" + "3" * 64)),
    _options("images over the file's", {"images": ["nginx:1.30"]}, ("set", "image", "nginx:1.30"), text=_ALL + "images: [{name: nginx, newName: own, newTag: x}]\n"),
    _options("replicas", {"replicas": [{"name": "web", "count": 9}]}, ("set", "replicas", "web=9")),
    _options("commonLabels", {"commonLabels": {"a": "b", "c": "d"}}, ("add", "label", "a:b", "c:d")),
    _options("commonLabels by force", {"commonLabels": {"a": "b"}, "forceCommonLabels": True}, ("add", "label", "--force", "a:b"), text=_ALL + "commonLabels: {a: own}\n"),
    _options("commonLabels without selectors", {"commonLabels": {"a": "b"}, "labelWithoutSelector": True}, ("add", "label", "--without-selector", "a:b")),
    _options("commonLabels in templates", {"commonLabels": {"a": "b"}, "labelWithoutSelector": True, "labelIncludeTemplates": True}, ("add", "label", "--without-selector", "--include-templates", "a:b")),
    _options("commonAnnotations", {"commonAnnotations": {"a": "b c", "num": "1"}}, ("add", "annotation", "a:b c", "num:1")),
    _options("commonAnnotations by force", {"commonAnnotations": {"a": "b"}, "forceCommonAnnotations": True}, ("add", "annotation", "--force", "a:b"), text=_ALL + "commonAnnotations: {a: own}\n"),
    _options("components", {"components": ["../comp"]}, ("add", "component", "../comp"), more={"comp/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nreplicas: [{name: web, count: 2}]\n"}),
    _options("patches", {"patches": [{"target": {"kind": "Deployment", "name": "web"}, "patch": "- op: replace\n  path: /spec/replicas\n  value: 8\n"}]}, ("add", "patch", "--kind", "Deployment", "--name", "web", "--patch", "- op: replace\n  path: /spec/replicas\n  value: 8\n")),
    _options("everything at once", {"namePrefix": "a-", "namespace": "n", "images": ["nginx:2"], "commonLabels": {"l": "m"}, "replicas": [{"name": "web", "count": 2}]}, ("set", "nameprefix", "--", "a-"), ("set", "namespace", "--", "n"), ("set", "image", "nginx:2"), ("add", "label", "l:m"), ("set", "replicas", "web=2"), text=_ALL + _SETTINGS),
]  # fmt: skip
