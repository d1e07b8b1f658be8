local dashboard = import 'lib/dashboard.libsonnet';
local teams = ['web', 'payments', 'search'];

[dashboard.forTeam(team) for team in teams] + [dashboard.viewer(std.length(teams))]
