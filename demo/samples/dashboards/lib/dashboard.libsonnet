{
  // One dashboard per team: the panels that every team has.
  forTeam(team):: {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'dashboard-' + team, labels: { dashboard: 'true' } },
    data: {
      'dashboard.json': std.manifestJsonMinified({
        title: std.asciiUpper(team),
        panels: [{ title: panel, namespace: team } for panel in ['Requests', 'Errors', 'Duration']],
      }),
    },
  },

  viewer(replicas):: {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'viewer' },
    spec: {
      replicas: replicas,
      selector: { matchLabels: { app: 'viewer' } },
      template: {
        metadata: { labels: { app: 'viewer' } },
        spec: { containers: [{ name: 'viewer', image: 'registry.example.org/viewer:3' }] },
      },
    },
  },
}
