BEGIN TRANSACTION;
CREATE TABLE applications (
	name VARCHAR NOT NULL, 
	status TEXT NOT NULL, 
	operation TEXT, 
	PRIMARY KEY (name)
);
INSERT INTO "applications" VALUES('guestbook','{"sync":"OutOfSync","health":["Degraded","Caused by Deployment:ui"],"revisions":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"],"conditions":[["SyncError","failed"],["SourceWarning","ünreachable"]],"resources":[{"gvk":["apps","v1","Deployment"],"namespace":"guestbook","name":"ui","sync":"OutOfSync","version":"4711","health":["Degraded","crash"],"wave":-2,"changes":["spec.replicas","metadata.labels[''a.b/c'']"],"message":"refused","links":[["Runbook","https://wiki.example.org/ui"]]},{"gvk":["rbac.authorization.k8s.io","v1","ClusterRole"],"namespace":"","name":"reader","sync":"OutOfSync","version":"","requiresPruning":true,"healthIgnored":true}],"hooks":[{"gvk":["batch","v1","Job"],"namespace":"guestbook","name":"migrate","phases":["PreSync","Skip"]}],"renderers":["helm","directory"],"decision":"waits 5 s before the next try","reconciledAt":"2026-03-01T12:00:03+00:00"}','{"id":"op-7","digest":"d1","revisions":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"],"startedAt":"2026-03-01T12:00:00.250000+00:00","phase":"Failed","message":"1 of 2 failed","finishedAt":"2026-03-01T12:00:03+00:00","results":[["apps","Deployment","guestbook","ui","SyncFailed","refused: \"spec.replicas\" must be ≥ 0",0.25],["rbac.authorization.k8s.io","ClusterRole","","reader","Pruned","",0.0]],"retries":3,"request":{"initiatedBy":"ann","automated":true,"selfHeal":true,"dryRun":true,"confirmed":true,"force":true,"resources":[["apps","Deploy*","team","ui",false],["*","*","*","web",true]],"labels":{"tier":"front"},"options":{"Replace":"true"},"plan":"p1","revisions":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],"info":{"Reason":"ticket 7"},"noHooks":true,"prune":false,"history":0,"retries":0},"stage":1,"applied":true,"hooks":[{"phase":"PreSync","key":["batch","Job","guestbook","migrate"],"startedAt":"2026-03-01T12:00:00.250000+00:00","outcome":"Failed","uid":"u-1","message":"exit code 1","finishedAt":"2026-03-01T12:00:03+00:00","log":"no such table\nünreadable","cleaned":true},{"phase":"SyncFail","key":["batch","Job","guestbook","migrate"],"startedAt":"2026-03-01T12:00:03+00:00","outcome":"Running"}],"failing":"the hook failed","manifests":"m1"}');
INSERT INTO "applications" VALUES('other','{"sync":"OutOfSync","health":["Degraded","Caused by Deployment:ui"],"revisions":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"],"conditions":[["SyncError","failed"],["SourceWarning","ünreachable"]],"resources":[{"gvk":["apps","v1","Deployment"],"namespace":"guestbook","name":"ui","sync":"OutOfSync","version":"4711","health":["Degraded","crash"],"wave":-2,"changes":["spec.replicas","metadata.labels[''a.b/c'']"],"message":"refused","links":[["Runbook","https://wiki.example.org/ui"]]},{"gvk":["rbac.authorization.k8s.io","v1","ClusterRole"],"namespace":"","name":"reader","sync":"OutOfSync","version":"","requiresPruning":true,"healthIgnored":true}],"hooks":[{"gvk":["batch","v1","Job"],"namespace":"guestbook","name":"migrate","phases":["PreSync","Skip"]}],"renderers":["helm","directory"],"decision":"waits 5 s before the next try","reconciledAt":"2026-03-01T12:00:03+00:00"}','{"id":"op-7","digest":"d1","revisions":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"],"startedAt":"2026-03-01T12:00:00.250000+00:00","phase":"Failed","message":"1 of 2 failed","finishedAt":"2026-03-01T12:00:03+00:00","results":[["apps","Deployment","guestbook","ui","SyncFailed","refused: \"spec.replicas\" must be ≥ 0",0.25],["rbac.authorization.k8s.io","ClusterRole","","reader","Pruned","",0.0]],"retries":3,"request":{"initiatedBy":"ann","automated":true,"selfHeal":true,"dryRun":true,"confirmed":true,"force":true,"resources":[["apps","Deploy*","team","ui",false],["*","*","*","web",true]],"labels":{"tier":"front"},"options":{"Replace":"true"},"plan":"p1","revisions":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],"info":{"Reason":"ticket 7"},"noHooks":true,"prune":false,"history":0,"retries":0},"stage":1,"applied":true,"hooks":[{"phase":"PreSync","key":["batch","Job","guestbook","migrate"],"startedAt":"2026-03-01T12:00:00.250000+00:00","outcome":"Failed","uid":"u-1","message":"exit code 1","finishedAt":"2026-03-01T12:00:03+00:00","log":"no such table\nünreadable","cleaned":true},{"phase":"SyncFail","key":["batch","Job","guestbook","migrate"],"startedAt":"2026-03-01T12:00:03+00:00","outcome":"Running"}],"failing":"the hook failed","manifests":"m1"}');
CREATE TABLE children (
	name VARCHAR NOT NULL, 
	parent VARCHAR NOT NULL, 
	sealed BLOB NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "children" VALUES('child','other',X'E085E9BA0E416A515452DCD770A848931CC2B6CEC041CCB6F4E7DB6684FB117129FFAC8F372A26E05ED456E70C50D89D305C1F7C94AEEBFD21C55847571E57D07B51C2BAB36EE32E49A71A2B496D296020A93B8C8B1EB17FCF78C16E3F4C6B28819234A278F911E65F2B472730FE3DD98EF19EDDB7AA821E71078C56C128F2871A7F554C1E0D77488B0ECEFCF8D66F8140B3F029B87B3088E78C4D55250AFBB39DCF1E53FA15B04155549BEE53065A3C83745EEA49802A67848261FF2B335A482B0F36502B78A52DB341C80A1711E5FF6A94332BE95B35940127D60E4AE0B0665D8983BC2FC995B920FD58B7');
CREATE TABLE deletions (
	app VARCHAR NOT NULL, 
	body TEXT NOT NULL, 
	manifests VARCHAR NOT NULL, 
	PRIMARY KEY (app)
);
INSERT INTO "deletions" VALUES('other','{"id":"delete-1","cascade":"background","began":"2026-03-01T12:00:00.250000+00:00","phase":"PreDelete","by":"ann","removed":true,"specDigest":"s1","manifests":"","confirmed":true,"attempt":2,"hooks":[{"phase":"PreDelete","key":["batch","Job","team","migrate-"],"startedAt":"2026-03-01T12:00:00.250000+00:00","outcome":"Succeeded","uid":"u-1"}],"kept":{"ConfigMap team/a":"Delete=false"},"message":"waits","error":"held by a finalizer","details":{"cluster":"local"}}','');
CREATE TABLE history (
	app VARCHAR NOT NULL, 
	id INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	sources BLOB NOT NULL, 
	manifests VARCHAR NOT NULL, 
	PRIMARY KEY (app, id)
);
INSERT INTO "history" VALUES('guestbook',0,'{"revisions":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","1.2.3"],"digest":"d1","manifests":"9a6199652b115ceddc24425d6d431db67b1e5597","startedAt":"2026-03-01T12:00:00.250000+00:00","deployedAt":"2026-03-01T12:00:03+00:00","initiatedBy":"ann","automated":true,"healthyAt":"2026-03-01T12:00:04+00:00","infos":[{"author":"Ann <ann@example.org>","date":"2026-03-01T12:00:00.250000+00:00","message":"Fix it ünder way","tags":["v1","latest"]},{"author":"","date":null,"message":"","tags":[]}],"rollbackOf":0}',X'E085E9BA0E416A5171F3118EDA476080ECBDC4FB606F6158F8B57D87A326B4C832E72A6B6D245F8A93DFFA130EA813BA44B0E4ECF98E04C28A21FF22540F0CB831A76DACC3930212EA2AB184853C0241A49D6F5538FA58F8566E568B9CCFE5310D16C631AA0E72906A7335FEB986C0E8FCCCB632A1788E4340300288D1F3AC87D5CBBB3F105B3FBD1BBB554BF7A9EBAA423C4C06E0425A48D70E69F83BDEE375E74983EED26C8B01E11733EFAE706463AACA405AAEE360B3AE121CE718D219B4020AC96D9F329C69F86E77B2992CF26A60E33104951C6E40B0394A5EDF9B8C10998F6077098DE38F30269FB800121C2BC35986D092A48457E45EE7B93B6E8EB6A9BFA8B9B25A2DD33FDE','9a6199652b115ceddc24425d6d431db67b1e5597');
CREATE TABLE history_counts (
	app VARCHAR NOT NULL, 
	counted INTEGER NOT NULL, 
	PRIMARY KEY (app)
);
INSERT INTO "history_counts" VALUES('guestbook',1);
CREATE TABLE holds (
	app VARCHAR NOT NULL, 
	manifests VARCHAR NOT NULL, 
	PRIMARY KEY (app)
);
CREATE TABLE manifests (
	name VARCHAR NOT NULL, 
	sealed BLOB NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "manifests" VALUES('9a6199652b115ceddc24425d6d431db67b1e5597',X'E085E9BA0E416A5170EE6E4714D96DC464989F25255E81F5B6989C2DD059FCE8A2E294C7936B6333F187A296B8469DCC1D0A759F12AA030B609E3C9D662F31DF52E81083B50D1AC62CDAF0C5354BDC066E23ADCC9210A9F0F152BEF51BAF503C9CF681DAA509302CF35D793DA74101DC140C55A9ACABEEFF877C2CB29ECADE6B77DC168C5CC018C2EE2AA7F2D4ADC26C59D5E954FF4ADC5EC6AF141CEE38A97C8C23B855821B1E9710D0E334D58C229CD46CB825B0B98524DA1EC4F39619C69B00F42D6CF6061DF8C9B39D1A79D3AE9A00F9234916D3C3AA7546D4276ABBC57E4644340DF4CBD3BFF64E503CFAF6CDC9870A6DE64F3BDAB4490B2F1679FCB59C8DB624A3B201D22649C795AF6210CD5A78638119AA768AE70152CCCF4F9C0AE7FEAFB63AE39878B9C6B084A9A2DE4FEF66C02183ABB30D86E41DAB6324D46D4E959FDE4787300468823B67513183A5779876A449808BC16C192859627E058FD017A387AB06C66DB78D39FF8CBB3A087B412818E7C742006393E0CD7D4BB3A54CDF5FC88DB4DD3BE735F9BDB986607CB58352B5808D4D08625C00D10A5FB0E8D7E8FCA907B4DF95AE9DED31B43B5905C5D6FB783AF3305C85BF42EE118354393E1BD63A792A1C1B309F7C97ED5AE351C6A8FE3522E5A43EF80957EEEE51A08DA688DCF0E82D');
INSERT INTO "manifests" VALUES('18e05cc486c34e94e93e8ce002dc06e4b3f45934',X'E085E9BA0E416A51FB17B7A9BBDF4748C015141AC1EB1FBF9DF0849EA5E3473DFCCC11E480CD77C5E18EC0D0DD8C1ED8BF8A20A4817ADCD93D1E247454CF538F16596A79C93BF855AB0186C09DD8302E98A61D4CCFF023EDC1B7B612255C13905F79126DDEDBFAC33117A2CFF57AF8CD6DA147C5CABBD375234174B05104725AC41A822B376F65755C158177C27776D2A40C8321BB144F77D63AB16FFC92B2549947347C9CB7EC60E04E7406630EAB02EEDD424C971C732D63CDC1D6BFA26EF65EE96707931256D3036247349D87EF6C5D45D028E2C2237AB1025ADE7BCBF754708925E9F64DA5BCB9219678C81E96F97A8B468578DF92177DBD22000AC2819A0CA4F4FD85EF85E3AA8EDA6B0B043E27E945CBCC7CA7726C912FD3572E2C5AF081CAB6D73E455C3BFF4D699F7CB00A9F3F63F49CD2DCFD95F9AD7A008165283105B47FE61E1D0047A288E7D77F8777AF9348A997E5AEAF1F78B8821A7D2F59800C5A032AB9824EC791B81334FC43922F656B435684A3D3F8A0BDD2550380508B4D48649BFD34FFA9F2F6434A6DD6E8D5F9539F68629E4D681961B2D0E8C6EFC6973D7E3D6E80C4A16914F50CB33EE3A3889D8768A2452D7BF587DDE7AF6B578FDEE82B6FABAAB294D5D93725AF762CB7D4FEA4F890A06D1487829B9E77A5B89E2BB6082066');
CREATE TABLE operations (
	app VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	state TEXT NOT NULL, 
	"plan" BLOB, 
	manifests VARCHAR NOT NULL, 
	PRIMARY KEY (app)
);
INSERT INTO "operations" VALUES('guestbook','op-2','{"id":"op-2","digest":"d1","revisions":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"],"startedAt":"2026-03-01T12:00:00.250000+00:00","phase":"Failed","message":"1 of 2 failed","finishedAt":"2026-03-01T12:00:03+00:00","results":[["apps","Deployment","guestbook","ui","SyncFailed","refused: \"spec.replicas\" must be ≥ 0",0.25],["rbac.authorization.k8s.io","ClusterRole","","reader","Pruned","",0.0]],"retries":3,"request":{"initiatedBy":"ann","automated":true,"selfHeal":true,"dryRun":true,"confirmed":true,"force":true,"resources":[["apps","Deploy*","team","ui",false],["*","*","*","web",true]],"labels":{"tier":"front"},"options":{"Replace":"true"},"plan":"p1","revisions":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],"info":{"Reason":"ticket 7"},"noHooks":true,"prune":false,"history":0,"retries":0},"stage":1,"applied":true,"hooks":[{"phase":"PreSync","key":["batch","Job","guestbook","migrate"],"startedAt":"2026-03-01T12:00:00.250000+00:00","outcome":"Failed","uid":"u-1","message":"exit code 1","finishedAt":"2026-03-01T12:00:03+00:00","log":"no such table\nünreadable","cleaned":true},{"phase":"SyncFail","key":["batch","Job","guestbook","migrate"],"startedAt":"2026-03-01T12:00:03+00:00","outcome":"Running"}],"failing":"the hook failed","manifests":"18e05cc486c34e94e93e8ce002dc06e4b3f45934"}',X'E085E9BA0E416A51E42398E689903309847D7EF837C59C62208640F89C9BEDBD981504A75F3F1D1561FFC91DBFD47E9B4999722718070AFB5BC800AD85885F37C1CF23A720094796E71A06A370597B1E042C36951EE6AE1C49F404E0059C182E7470164C7940903CF43C559A399D4028F3AFE9686CA6F65EA7D25B25065A0CCA755FD59125E77EC0CA5ACA3563A30C69547EF0D343BDA7E4770C48B4FF3C4170BF13227C345CB745378014236BB21868613C0522396C2092E1BF78166E1CC894E367577C96CD144624FD0AA77B8E9FB31D2582396E053C36B5E0C4B37F6059DB7EC3CA08B59743BD1DF844A1605BB3B61F33B71C50D2F3B8E0EF36770765F1231E33A2B49F4CBECCDCC7041224A8E24C344539CDBAFF2401F13506734CB2EFB46C525A2E194A23E798C1098D639026A6D98C2F71754D03277FC80485B0D591CB0A39992DAE1164EC448DE7402B836C71A285209C60D9C8FAABA15B0EB1D1963830F9FA33C8A63C85C48E094EDE77895418C29FAE19FCFA430D142AD275A3042B9CAB574E82EDCD1296B18C3279F1D091E991C89FCB934B6B89E400A8524613757C8365098FB174483FA1072968DDD36E88D3853510CCA7038AE4A17C2A6BAB6479BD48EF4C3864AEB76FE0723453C02B7743BD743A08277B7AFC795A985729CE910645F9AFBEBE4BF116FE758C1F8EF2FDC0B0F4E4E509C3B35915E583644EF7F8338ABCB3DFF99C742E3CBE3B47884C3F5CDEFB6039C194D1EF82787851F706331CE7BD937F647FE94BC3C48BAF4BC4075E6B40E65869E115BB51C2292CC241C4BA1A9D29D4E953FE820D826A55EE3203483F335F850E3F6A7CE9656F70E77CA88B172008EC366CD3934C593976680646017706650C33E9744FD5478DC2E8EB8DC28E5E5097B6E1AB052456C1643ACD44510B25C3E05BE4DFEB1D9E6775B38D27692F27AD42B8B17E7BE0B212BAE842C57088585A6126ABB211668591632C2822F0885775DE41628A8E648D8E931873536426B04454D3F77E12088719210AC74AA0BF9E7CBFBA931237AA89EEF19060A7EBED7DE4AFBA46CA1D3B1FE18C7559C7DDC5066F8FF6AE3B0727A940D43B9873F0E3D8A16AF06600DB2738F47ADDC4783B78F7F9449FB819C13A04CA69D06AC66C744B4209D6213889B331662CE2C75D292F1C4C53E2F15E63BF1561BA3BC228CAE17FF830FD95E032EAFF989F76D778BA8CF07BF4426D','18e05cc486c34e94e93e8ce002dc06e4b3f45934');
CREATE TABLE pins (
	app VARCHAR NOT NULL, 
	body TEXT NOT NULL, 
	manifests VARCHAR NOT NULL, 
	PRIMARY KEY (app)
);
INSERT INTO "pins" VALUES('guestbook','{"entry":3,"manifests":"9a6199652b115ceddc24425d6d431db67b1e5597","digest":"d3","heldAgainst":"d4","since":"2026-03-01T12:00:03+00:00","by":"ann","reason":"the new one crashes"}','9a6199652b115ceddc24425d6d431db67b1e5597');
CREATE TABLE schema_version (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "schema_version" VALUES(2);
CREATE INDEX ix_operations_manifests ON operations (manifests);
CREATE INDEX ix_history_manifests ON history (manifests);
CREATE INDEX ix_pins_manifests ON pins (manifests);
CREATE INDEX ix_deletions_manifests ON deletions (manifests);
CREATE INDEX ix_holds_manifests ON holds (manifests);
COMMIT;
