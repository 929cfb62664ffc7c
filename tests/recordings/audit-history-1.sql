-- The history of five audits as 0.1.0 of 2026-11 wrote it; it kept the last four.
BEGIN TRANSACTION;
CREATE TABLE findings (
            run INTEGER NOT NULL,
            instance TEXT NOT NULL,
            since TEXT NOT NULL,
            waived INTEGER NOT NULL,
            rule TEXT NOT NULL,
            severity TEXT NOT NULL,
            server_id INTEGER,
            server_name TEXT,
            subject TEXT NOT NULL,
            message TEXT NOT NULL,
            remedy TEXT NOT NULL,
            FOREIGN KEY (run, instance) REFERENCES instances ON DELETE CASCADE
        );
INSERT INTO "findings" VALUES(2,'a','2026-11-02T06:00:00.000000+00:00',0,'smtp-debug','warning',6,'Main','','Server 6 ''Main'' writes its dialogue into the log.','Switch Debugging off.');
INSERT INTO "findings" VALUES(2,'a','2026-11-01T06:00:00.000000+00:00',0,'spf-missing','error',NULL,NULL,'example.org','example.org has no SPF record.','Publish one.');
INSERT INTO "findings" VALUES(2,'b','2026-11-02T06:00:00.000000+00:00',0,'spf-missing','error',NULL,NULL,'example.org','example.org has no SPF record.','Publish one.');
INSERT INTO "findings" VALUES(3,'a','2026-11-01T06:00:00.000000+00:00',0,'spf-missing','error',NULL,NULL,'example.org','example.org has no SPF record.','Publish one.');
INSERT INTO "findings" VALUES(3,'a','2026-11-02T06:00:00.000000+00:00',1,'smtp-debug','warning',6,'Main','','Server 6 ''Main'' writes its dialogue into the log.','Switch Debugging off.');
INSERT INTO "findings" VALUES(4,'a','2026-11-02T06:00:00.000000+00:00',0,'smtp-debug','warning',6,'Main','','Server 6 ''Main'' writes its dialogue into the log.','Switch Debugging off.');
INSERT INTO "findings" VALUES(5,'a','2026-11-01T06:00:00.000000+00:00',0,'spf-missing','error',NULL,NULL,'example.org','example.org has no SPF record.','Publish one.');
INSERT INTO "findings" VALUES(5,'a','2026-11-02T06:00:00.000000+00:00',0,'smtp-debug','warning',6,'Main','','Server 6 ''Main'' writes its dialogue into the log.','Switch Debugging off.');
CREATE TABLE instances (
            run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
            name TEXT NOT NULL,
            url TEXT NOT NULL,
            database TEXT NOT NULL,
            error TEXT NOT NULL,
            looked INTEGER NOT NULL REFERENCES rule_sets,
            PRIMARY KEY (run, name)
        ) WITHOUT ROWID;
INSERT INTO "instances" VALUES(2,'a','https://a.example','openspp','',1);
INSERT INTO "instances" VALUES(2,'b','https://b.example','openspp','',1);
INSERT INTO "instances" VALUES(3,'a','https://a.example','openspp','',1);
INSERT INTO "instances" VALUES(3,'b','https://b.example','','timeout',2);
INSERT INTO "instances" VALUES(4,'a','https://a.example','openspp','',3);
INSERT INTO "instances" VALUES(5,'a','https://a.example','openspp','',1);
INSERT INTO "instances" VALUES(5,'b','https://b.example','openspp','',1);
CREATE TABLE rule_sets (id INTEGER PRIMARY KEY, rules TEXT NOT NULL UNIQUE);
INSERT INTO "rule_sets" VALUES(1,'["smtp-debug", "spf-missing", "test-failed"]');
INSERT INTO "rule_sets" VALUES(2,'[]');
INSERT INTO "rule_sets" VALUES(3,'["smtp-debug", "test-failed"]');
CREATE TABLE runs (id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL);
INSERT INTO "runs" VALUES(2,'2026-11-02T06:00:00.000000+00:00');
INSERT INTO "runs" VALUES(3,'2026-11-03T06:00:00.000000+00:00');
INSERT INTO "runs" VALUES(4,'2026-11-04T06:00:00.000000+00:00');
INSERT INTO "runs" VALUES(5,'2026-11-05T06:00:00.000000+00:00');
CREATE INDEX instances_by_name ON instances (name, looked, run);
CREATE INDEX findings_by_run ON findings (run, instance);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('runs',5);
COMMIT;
PRAGMA user_version = 1;
