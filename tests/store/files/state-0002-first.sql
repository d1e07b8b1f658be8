BEGIN TRANSACTION;
CREATE TABLE applications (
	name VARCHAR NOT NULL, 
	status TEXT NOT NULL, 
	operation TEXT, 
	PRIMARY KEY (name)
);
INSERT INTO "applications" VALUES('guestbook','{"sync":"OutOfSync","health":["Degraded","Caused by Deployment:ui"],"revisions":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"],"conditions":[["SyncError","failed"],["SourceWarning","ünreachable"]],"resources":[{"gvk":["apps","v1","Deployment"],"namespace":"guestbook","name":"ui","sync":"OutOfSync","version":"4711","health":["Degraded","crash"],"wave":-2,"changes":["spec.replicas","metadata.labels[''a.b/c'']"],"message":"refused","links":[["Runbook","https://wiki.example.org/ui"]]},{"gvk":["rbac.authorization.k8s.io","v1","ClusterRole"],"namespace":"","name":"reader","sync":"OutOfSync","version":"","requiresPruning":true,"healthIgnored":true}],"hooks":[{"gvk":["batch","v1","Job"],"namespace":"guestbook","name":"migrate","phases":["PreSync","Skip"]}],"renderers":["helm","directory"],"decision":"waits 5 s before the next try","reconciledAt":"2026-03-01T12:00:03+00:00"}','{"id":"op-7","digest":"d1","revisions":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"],"startedAt":"2026-03-01T12:00:00.250000+00:00","phase":"Failed","message":"1 of 2 failed","finishedAt":"2026-03-01T12:00:03+00:00","results":[["apps","Deployment","guestbook","ui","SyncFailed","refused: \"spec.replicas\" must be ≥ 0",0.25],["rbac.authorization.k8s.io","ClusterRole","","reader","Pruned","",0.0]],"retries":3,"request":{"initiatedBy":"ann","automated":true,"selfHeal":true,"dryRun":true,"confirmed":true,"force":true,"resources":[["apps","Deploy*","team","ui",false],["*","*","*","web",true]],"labels":{"tier":"front"},"options":{"Replace":"true"},"plan":"p1","revisions":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],"info":{"Reason":"ticket 7"},"noHooks":true,"prune":false,"history":0,"retries":0},"stage":1,"applied":true,"hooks":[{"phase":"PreSync","key":["batch","Job","guestbook","migrate"],"startedAt":"2026-03-01T12:00:00.250000+00:00","outcome":"Failed","uid":"u-1","message":"exit code 1","finishedAt":"2026-03-01T12:00:03+00:00","log":"no such table\nünreadable","cleaned":true},{"phase":"SyncFail","key":["batch","Job","guestbook","migrate"],"startedAt":"2026-03-01T12:00:03+00:00","outcome":"Running"}],"failing":"the hook failed","manifests":"m1"}');
INSERT INTO "applications" VALUES('other','{"sync":"OutOfSync","health":["Degraded","Caused by Deployment:ui"],"revisions":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"],"conditions":[["SyncError","failed"],["SourceWarning","ünreachable"]],"resources":[{"gvk":["apps","v1","Deployment"],"namespace":"guestbook","name":"ui","sync":"OutOfSync","version":"4711","health":["Degraded","crash"],"wave":-2,"changes":["spec.replicas","metadata.labels[''a.b/c'']"],"message":"refused","links":[["Runbook","https://wiki.example.org/ui"]]},{"gvk":["rbac.authorization.k8s.io","v1","ClusterRole"],"namespace":"","name":"reader","sync":"OutOfSync","version":"","requiresPruning":true,"healthIgnored":true}],"hooks":[{"gvk":["batch","v1","Job"],"namespace":"guestbook","name":"migrate","phases":["PreSync","Skip"]}],"renderers":["helm","directory"],"decision":"waits 5 s before the next try","reconciledAt":"2026-03-01T12:00:03+00:00"}','{"id":"op-7","digest":"d1","revisions":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"],"startedAt":"2026-03-01T12:00:00.250000+00:00","phase":"Failed","message":"1 of 2 failed","finishedAt":"2026-03-01T12:00:03+00:00","results":[["apps","Deployment","guestbook","ui","SyncFailed","refused: \"spec.replicas\" must be ≥ 0",0.25],["rbac.authorization.k8s.io","ClusterRole","","reader","Pruned","",0.0]],"retries":3,"request":{"initiatedBy":"ann","automated":true,"selfHeal":true,"dryRun":true,"confirmed":true,"force":true,"resources":[["apps","Deploy*","team","ui",false],["*","*","*","web",true]],"labels":{"tier":"front"},"options":{"Replace":"true"},"plan":"p1","revisions":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],"info":{"Reason":"ticket 7"},"noHooks":true,"prune":false,"history":0,"retries":0},"stage":1,"applied":true,"hooks":[{"phase":"PreSync","key":["batch","Job","guestbook","migrate"],"startedAt":"2026-03-01T12:00:00.250000+00:00","outcome":"Failed","uid":"u-1","message":"exit code 1","finishedAt":"2026-03-01T12:00:03+00:00","log":"no such table\nünreadable","cleaned":true},{"phase":"SyncFail","key":["batch","Job","guestbook","migrate"],"startedAt":"2026-03-01T12:00:03+00:00","outcome":"Running"}],"failing":"the hook failed","manifests":"m1"}');
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
INSERT INTO "history" VALUES('guestbook',0,'{"revisions":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","1.2.3"],"digest":"d1","manifests":"73d8c5d211d677766d42fe5690675c185585563d","startedAt":"2026-03-01T12:00:00.250000+00:00","deployedAt":"2026-03-01T12:00:03+00:00","initiatedBy":"ann","automated":true,"healthyAt":"2026-03-01T12:00:04+00:00","infos":[{"author":"Ann <ann@example.org>","date":"2026-03-01T12:00:00.250000+00:00","message":"Fix it ünder way","tags":["v1","latest"]},{"author":"","date":null,"message":"","tags":[]}],"rollbackOf":0}',X'E085E9BA0E416A51E89AAD15F3F11311A891028DDE5AE92F328A2D73C5E1282646D617B7D83459235FDB02C2F59689581E2D11BBB3E45F1676D55E000FC6B82F5324111E90AEE2FE12A3E50453F9556FA9276F18C4E0ADD9E151EAB32DC3BD18A36ABC04E0F655E85B5C1BD00555BFE717F4C8D4D19C2DB84074F54143210A01F292039C05F691D8CE53AD19EC259A93268784F2F3CB79E491CCBB19CF224C4CD0F9FB8D2756D711F8543BB8429E712F493E7BC096D42B31DB5A0AC2FC65F18D2D8008C93E0B7F2B4EDF970C5E938524AD9A75EF5FB9172326A5D9838E0F17ADDFAFEFB717FF36AE9667C854338C4C4A2F6E8CEEDE601FB5CB432F4440AA3491315BCE2D534A904B921F','73d8c5d211d677766d42fe5690675c185585563d');
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
INSERT INTO "manifests" VALUES('73d8c5d211d677766d42fe5690675c185585563d',X'E085E9BA0E416A51B8E590E422B89D090B8E7277AF13413CEDA35259B64A12CB0044D52EDCC63E55BB5ED47EA49CD2CB04039BF3D3468DFE126D7A262920683F7550DC80CEE7FDD7ABBDC178E1FEF1CCD24B8660A864138CD469B9193B25A45B1DA321155A38D1FA9E4659CE5537B5A4C7D956A798C638F50F802EE358DCF3F3E8509595DD95EE0EAD5CEFDA4C852CE24972DA057DC2AE722EF15060956BACC306345C67E3971804BC7CF361C02C799EC60A31CF619345B57FD1F1D9588A1611C2E0C8BBCB75F5C9EE82B1D0C4A60501833010968793C7287671713E5D7D27E6FF7611918BF3FA974775CABB93E8436BE3CF1B83610389873F42FED66E0C5A4FC85DDC83F08FE9BBB019DC8CAE8ADFD5CC5CC6773426351E87E5ED17FFABCB9BA2B2D0DEB046F22B56B76BD8B60D7368857E6851319229D4E7D33CD7DE53FF06A5458A4BB3B0265E5A12D7703797BC8275BC04FDF3BB66C9571CA9C766E6FAE282543A667E036A5E17A382A91E5B13E9908F91AD09CE1B428E2E2CB8F941BC3A2BA5508EBE3B479234C3C16F4C05293EBF5376805E27C5074A3AA09D4EE66183C6875FDD894ED7C500F3D9E3BD9D64CF8AE6E5A65A544FBE73ED2DD0B965C09BABA7F45C53847B4F9CA571B3F7172EDAC891ECA2632FF74C1A4ECF701E79F8DC29035B73ED51D117C29119032FEDAF82CEA9');
INSERT INTO "manifests" VALUES('a3411f2a1de14440e1316c38a1122f84b814f633',X'E085E9BA0E416A5106E093A19195A325336324783EA8CF2606EE8FF7F458CB6051DFD340D1D586264A88E584D20D33ADD4FC6B26A49EC28C3F2F3E4397CB26D46683FA8B102104821BE49D46D8B4508CF4B4B0624B6D29AF57B056425A8176E8ED3FEE77BA727E9D5AD09687A913CE27371CC737B83E1660F1A325CF33400159D51C64D54ECF60908A8CB7B6C83179982F7B97CDBD5E69E8A173093C84C11B60328821E9016BC9F16A27823BBA01E174A3961FBB35AF6CC372E1C1119A2E8668EB711E3877ADFB28B95BEC75819126A9D07AF701FD9749E07D9F16745E6E202369EF51F0A1DD58974C973545CE9581A3ABCFA9B81DCEEC59E4E078A24463715F16BFFF0A3B2AD2296C36A72BC7FB44863E35BF711BBE9FB6218A71521E5DD03B7F6EFC127C3990AEB2B3D40E25E7F1339BDC7DFFB96873C19CA346611C68A98DE742C909982B3A1955A8B849E8B73ABA864EF987B728FB36793D64DDADD631973A3986D402F11AC1BA0C01E40A9D1C1D0E59F573C13D7A29D8E786B922D3E83B9FE8D34578C166FC59F343FED7217A752CBE0A43B5451B89E633241E4D6D0BC9B4244F5A6228BF4C17C775C6BE1A17BAD6466FF65627FDD877DF579B325497CF3CD3EDDAEC3C490C9E43F6C6AB1373C84884610E3052082D2D2C8ABD7DD232633FDF222FFF368517C1B0BD5DE7B6DE196F85');
CREATE TABLE operations (
	app VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	state TEXT NOT NULL, 
	"plan" BLOB, 
	manifests VARCHAR NOT NULL, 
	PRIMARY KEY (app)
);
INSERT INTO "operations" VALUES('guestbook','op-2','{"id":"op-2","digest":"d1","revisions":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"],"startedAt":"2026-03-01T12:00:00.250000+00:00","phase":"Failed","message":"1 of 2 failed","finishedAt":"2026-03-01T12:00:03+00:00","results":[["apps","Deployment","guestbook","ui","SyncFailed","refused: \"spec.replicas\" must be ≥ 0",0.25],["rbac.authorization.k8s.io","ClusterRole","","reader","Pruned","",0.0]],"retries":3,"request":{"initiatedBy":"ann","automated":true,"selfHeal":true,"dryRun":true,"confirmed":true,"force":true,"resources":[["apps","Deploy*","team","ui",false],["*","*","*","web",true]],"labels":{"tier":"front"},"options":{"Replace":"true"},"plan":"p1","revisions":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],"info":{"Reason":"ticket 7"},"noHooks":true,"prune":false,"history":0,"retries":0},"stage":1,"applied":true,"hooks":[{"phase":"PreSync","key":["batch","Job","guestbook","migrate"],"startedAt":"2026-03-01T12:00:00.250000+00:00","outcome":"Failed","uid":"u-1","message":"exit code 1","finishedAt":"2026-03-01T12:00:03+00:00","log":"no such table\nünreadable","cleaned":true},{"phase":"SyncFail","key":["batch","Job","guestbook","migrate"],"startedAt":"2026-03-01T12:00:03+00:00","outcome":"Running"}],"failing":"the hook failed","manifests":"a3411f2a1de14440e1316c38a1122f84b814f633"}',X'E085E9BA0E416A5194A748B8FEB18119C334954CB64EF1B5C48497B86902146DAC1D4D59D84E3607C5A4D9504FF5FC2DC1D84A3FBA13241B53D5BA16B46DB1983E2F0AF4FA0A5E0DA13B109A3A634EC5B51E1B19C0A78E4043D84E5EEE95C1507779B16CB2A472FA79CB9228F3A4FE168CB2B7F6BA09BF19B42B922FE7A4BF8D260ACBBFFDE937E1FC2249D4AF59F157086A02F79534CFB30FA43B240023FAD076945FDDDD4203AA01A4088DF0A1D1D9FDC78B5A395B89D4320B3E65119596F9145E3048200F97668D921CEE0855441003FC657EAF12EDEDA5A92702ACC888816F9EED36AB46C6D0F90B9D12849F805FBF16B06B63859894496FD5B047884427FA44950CEEC2BAAC303F56E43F118FBAAAC7B839C946C116E063B2EAB3115D3121865C1EEA32A08F8FB25B5C814924F864DD3616FCCD7AB2C461979599565D6A58F3E11A333F4EBAF21C96CC83F9BADCE1823AAD943282B1C59ABEFC7BDE9C28875D3D6F43359F6171BB58D2CCF4FC0955FF2C9D39438CD917904B282CC9AE02B4F8EAF0D3EE06608DF3AC094E4DC832A71B5F6C086F5ABBF9F32E59AE357ABFE41DD018A45824E5FD1E94B5B1863F73C3F2B68658BA7215848BA622221AC8AF66421C0DE097EAC7FBAB9EE61D1CD032F5EDC2D9FFCB75CF81978B567EE4B1DC74ED3B7BAEA69CB92155A3047F88B2A97E991FA51B98E6EF8787A646CDDFCA9ADA7CD40B4D31F13350D559BC4CC65F597373420509102AB05DBBE00BBCB30E6DC39D871D6F37E255BAC4157B3324E2BCCB1C662D85F88ACA1B04C9D3C1598663DB38D64B2FDA789D0F111F67C98C4D5DD3C609FE31159B9280683574904B3E9316C722939F9F68EB95DBDE3D526FA4796378AC60EBB520BE4A576E796351BE0C211C00200144EB4C98F863ADFD231B4EC43DCC958D6C5130DB512012F0B8736CB129F2DCB32B26078160D7EFA302F580AFC92D5119B69852A17128F5BAB9FD23C358117BB81D484E900AFF2F5802CD3B56EDA3D53D521F9F8521759481820E123ABA832C725C6C669C3ED39E77D9EF4ECA23C1740719167D4E69BCAC0BDC0500C21CB66047DF8082E779B8D1454200C142D2A229D27AE13E280D85F56E656258E337DE71F25B5549AA142A5BAF16A73F55FB95A0A5738A8142839244C75FBD6A8EAB93E67DF06D223FE34E9DA1A4D7A87BE17CB9412167BFB81C75D8A23D22F0E891A7BBAA622411934D49325B2FB61F7DD93EE950201C5D1A1AA46EC92D81E0BCD72E82DBCF448D7E2972B1A0BA712A00368922CE70','a3411f2a1de14440e1316c38a1122f84b814f633');
CREATE TABLE pins (
	app VARCHAR NOT NULL, 
	body TEXT NOT NULL, 
	manifests VARCHAR NOT NULL, 
	PRIMARY KEY (app)
);
INSERT INTO "pins" VALUES('guestbook','{"entry":3,"manifests":"73d8c5d211d677766d42fe5690675c185585563d","digest":"d3","heldAgainst":"d4","since":"2026-03-01T12:00:03+00:00","by":"ann","reason":"the new one crashes"}','73d8c5d211d677766d42fe5690675c185585563d');
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
