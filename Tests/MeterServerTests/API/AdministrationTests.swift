import Meter
import MeterWaldur
import MeterWire
import Testing

@testable import MeterServer

/// The routes over a real engine and a real book.
struct AdministrationTests {
    @Test func `keys are made, shown once, open what they may, and are revoked`() async throws {
        let server = try await TestServer()
        let made = try await server.call(
            "POST",
            "/admin/v1/keys",
            #"{"kind":"http","tenant":"acme","scopes":["usage","ingest"],"label":"portal"}"#
        )
        #expect(made.status == 201)
        let key = try #require(made.json["key"]?.string)
        let id = try #require(made.json["id"]?.string)
        #expect(made.json["principal"]?["tenant"]?.string == "acme")
        let target = "/api/v1/meters/input_tokens/query"
        #expect(try await server.call("GET", target, key: key).status == 200)
        #expect(try await server.call("GET", "/admin/v1/keys", key: key).status == 403)
        let listed = try await server.call("GET", "/admin/v1/keys")
        #expect(!listed.text.contains(key))
        #expect(!listed.text.contains(key.suffix(49).prefix(43)))
        #expect(listed.json["keys"]?.array?.first?["state"]?.string == "valid")
        let revoked = try await server.call("DELETE", "/admin/v1/keys/\(id)?reason=gone")
        #expect(revoked.status == 200)
        #expect(try await server.call("GET", target, key: key).status == 401)
        #expect(try await server.call("DELETE", "/admin/v1/keys/\(id)").status == 409)
        #expect(try await server.call("DELETE", "/admin/v1/keys/0000000000000000").status == 409)
        #expect(try await server.call("DELETE", "/admin/v1/keys/xyz").status == 400)
        let after = try await server.call("GET", "/admin/v1/keys")
        #expect(after.json["keys"]?.array?.first?["state"]?.string == "revoked")
    }

    @Test func `a second key of a principal counts as the same principal`() async throws {
        let server = try await TestServer()
        let first = try await server.call(
            "POST",
            "/admin/v1/keys",
            #"{"kind":"wire","platform":["all"]}"#
        )
        let number = try #require(first.json["principal"]?["id"]?.string)
        let second = try await server.call(
            "POST",
            "/admin/v1/keys",
            "{\"kind\":\"http\",\"principal\":\(number),\"scopes\":[\"ingest\"]}"
        )
        #expect(second.json["principal"]?["id"]?.string == number)
        let wire = try #require(first.json["key"]?.string)
        let wireKey = try #require(WireKey(text: wire))
        let credential = server.context.engine.policy.credentials[wireKey.id]
        #expect(credential?.key.text == wire)
        #expect(credential?.principal.description == number)
    }

    @Test func `a rotated key and its successor are both good until the old one ends`() async throws
    {
        let server = try await TestServer()
        let made = try await server.call(
            "POST",
            "/admin/v1/keys",
            #"{"kind":"http","tenant":"acme","scopes":["usage","finance"],"label":"portal"}"#
        )
        let old = try #require(made.json["key"]?.string)
        let id = try #require(made.json["id"]?.string)
        let rotated = try await server.call("POST", "/admin/v1/keys/\(id)/rotate", "{}")
        #expect(rotated.status == 201)
        let new = try #require(rotated.json["key"]?.string)
        for member in ["scopes", "label", "principal", "kind"] {
            #expect(rotated.json[member] == made.json[member], "\(member)")
        }
        let ends = try #require(rotated.json["replaces"]?["ends"]?.string.flatMap(RFC3339.time))
        let hours = (ends.milliseconds - server.context.clock.now().milliseconds) / 3_600_000
        #expect(hours == 71 || hours == 72)
        let target = "/api/v1/meters/input_tokens/query"
        #expect(try await server.call("GET", target, key: old).status == 200)
        #expect(try await server.call("GET", target, key: new).status == 200)
        #expect(try await server.call("POST", "/admin/v1/keys/\(id)/rotate", "{}").status == 409)
        // Without an overlap the old one ends at once.
        let newID = try #require(rotated.json["id"]?.string)
        let ended = try await server.call(
            "POST",
            "/admin/v1/keys/\(newID)/rotate",
            #"{"overlapHours":0}"#
        )
        #expect(ended.status == 201)
        #expect(try await server.call("GET", target, key: new).status == 401)
        let listed = try await server.call("GET", "/admin/v1/keys")
        let keys = listed.json["keys"]?.array ?? []
        #expect(Set(keys.compactMap { $0["state"]?.string }) == ["valid", "replaced"])
        #expect(keys.first { $0["id"]?.string == id }?["replacedBy"]?.string == newID)
    }

    @Test func `frames of a rotated wire key are taken until it ends`() async throws {
        let server = try await TestServer()
        let made = try await server.call(
            "POST",
            "/admin/v1/keys",
            #"{"kind":"wire","platform":["all"],"expires":"2999-01-01T00:00:00Z"}"#
        )
        let id = try #require(made.json["id"]?.string)
        let rotated = try await server.call("POST", "/admin/v1/keys/\(id)/rotate", "{}")
        let keys = try [made, rotated].map {
            try #require($0.json["key"]?.string.flatMap { WireKey(text: $0) })
        }
        let policy = server.context.engine.policy.credentials
        #expect(policy[keys[0].id]?.principal == policy[keys[1].id]?.principal)
        #expect(policy[keys[0].id] != nil)
        let ends = try #require(rotated.json["replaces"]?["ends"]?.string.flatMap(RFC3339.time))
        let days = (ends.milliseconds - server.context.clock.now().milliseconds) / 86_400_000
        #expect(days == 61 || days == 62)
        let after = BookStore.policy(
            of: server.context.book.state,
            at: ends,
            masterKey: server.context.book.masterKey,
            isInsecure: false
        )
        #expect(after.credentials[keys[0].id] == nil)
        #expect(after.credentials[keys[1].id] != nil)
    }

    @Test(arguments: [
        ("xyz", "{}", 400), ("0000000000000000", "{}", 409), ("", #"{"overlapHours":73}"#, 400),
        ("", #"{"overlapHours":"a"}"#, 400), ("", #"{"expires":"2001-01-01T00:00:00Z"}"#, 400),
        ("", #"{"overlap":1}"#, 400),
    ])
    func `a rotation that cannot be meant changes nothing`(
        id: String,
        body: String,
        status: Int
    ) async throws {
        let server = try await TestServer()
        let made = try await server.call(
            "POST",
            "/admin/v1/keys",
            #"{"kind":"http","tenant":"a"}"#
        )
        let target = id.isEmpty ? made.json["id"]?.string ?? "" : id
        let reply = try await server.call("POST", "/admin/v1/keys/\(target)/rotate", body)
        #expect(reply.status == status)
        #expect(server.context.book.state.keys.count == 1)
    }

    @Test(arguments: [
        "{}", "[]", "{", #"{"kind":"http"}"#, #"{"kind":"ftp","tenant":"a"}"#,
        #"{"kind":"http","tenant":"a","platform":["b"]}"#, #"{"kind":"http","tenant":""}"#,
        #"{"kind":"http","tenant":"a","scopes":["root"]}"#,
        #"{"kind":"http","tenant":"a","scopes":[]}"#,
        #"{"kind":"wire","tenant":"a","scopes":["usage"]}"#, #"{"kind":"http","principal":99}"#,
        #"{"kind":"http","tenant":"a","expires":"yesterday"}"#,
        #"{"kind":"http","tenant":"a","expires":"2001-01-01T00:00:00Z"}"#,
        #"{"kind":"http","tenant":"a","tenannt":"b"}"#, #"{"kind":"http","platform":[]}"#,
        #"{"kind":"http","platform":"all"}"#,
    ])
    func `a key that cannot be meant is not made`(body: String) async throws {
        let server = try await TestServer()
        #expect(try await server.call("POST", "/admin/v1/keys", body).status == 400)
        #expect(server.context.book.state.keys.isEmpty)
    }

    @Test func `a tenant's key never administers`() async throws {
        let server = try await TestServer()
        let reply = try await server.call(
            "POST",
            "/admin/v1/keys",
            #"{"kind":"http","tenant":"a","scopes":["admin"]}"#
        )
        #expect(reply.status == 409)
    }

    @Test func `components and bindings are decided, listed and in the book`() async throws {
        let server = try await TestServer()
        let set = try await server.call(
            "PUT",
            "/admin/v1/components/tool_seconds",
            #"{"unit":"ms","reportedUnit":"s","unitsPerReported":"1000"}"#
        )
        #expect(set.status == 200)
        let again = try await server.call(
            "PUT",
            "/admin/v1/components/tool_seconds",
            #"{"unit":"ms","reportedUnit":"s","unitsPerReported":1000}"#
        )
        #expect(again.status == 200)
        let other = try await server.call(
            "PUT",
            "/admin/v1/components/tool_seconds",
            #"{"unit":"minute"}"#
        )
        #expect(other.status == 409)
        let bound = try await server.call(
            "POST",
            "/admin/v1/map",
            #"{"tenant":"acme","agent":"bot","resource":"9f3c0000000000000000000000000001"}"#
        )
        #expect(bound.status == 201)
        #expect(bound.json["class"]?.string == "shadow")
        let access = try #require(bound.json["access"]?.string)
        let overlapping = try await server.call(
            "POST",
            "/admin/v1/map",
            "{\"tenant\":\"acme\",\"agent\":\"bot\",\"access\":\"\(access)\",\"resource\":"
                + "\"9f3c0000000000000000000000000002\"}"
        )
        #expect(overlapping.status == 409)
        let foreign = try await server.call(
            "POST",
            "/admin/v1/map",
            "{\"tenant\":\"evil\",\"agent\":\"bot\",\"access\":\"\(access)\",\"resource\":"
                + "\"9f3c0000000000000000000000000002\"}"
        )
        #expect(foreign.status == 409)
        // Without a Waldur nothing can be told, so nothing may be live.
        let live = try await server.call(
            "POST",
            "/admin/v1/map",
            #"{"tenant":"a","agent":"b","resource":"9f3c0000000000000000000000000001","class":"live"}"#
        )
        #expect(live.status == 409)
        let map = try await server.call("GET", "/admin/v1/map")
        #expect(map.json["bindings"]?.array?.count == 1)
        let components = try await server.call("GET", "/admin/v1/components")
        #expect(components.json["components"]?.array?.first?["unitsPerReported"]?.string == "1000")
        let book = try await server.call("GET", "/admin/v1/book?last=2")
        let decisions = book.json["entries"]?.array?.compactMap { $0["entry"]?["decision"]?.string }
        #expect(decisions == ["access-made", "binding-set"])
        #expect(book.text.contains("administration socket"))
        #expect(try await server.call("GET", "/admin/v1/book?last=0").status == 400)
    }

    @Test func `what is sent is counted once and asked for`() async throws {
        let server = try await TestServer()
        let runtime = try await server.makeKey(
            #"{"kind":"http","platform":["acme","other"],"scopes":["ingest","usage"]}"#
        )
        let portal = try await server.makeKey(#"{"kind":"http","tenant":"acme"}"#)
        let time = "\"\(server.now)\""
        func event(_ id: String, _ tenant: String, _ amount: String) -> String {
            CloudEventTests.event(
                ["id": "\"\(id)\"", "time": time],
                data: ["tenant": "\"\(tenant)\"", "amounts": "{\"in\":\(amount)}"]
            )
        }
        let body =
            "[" + event("1", "acme", "5") + "," + event("2", "other", "\"7\"") + ","
            + event("3", "third", "9") + "," + event("1", "acme", "5") + ","
            + event("2", "other", "8") + "]"
        let first = try await server.call("POST", "/api/v1/events", body, key: runtime)
        #expect(first.status == 207)
        func outcomes(_ reply: TestServer.Reply) -> [String] {
            reply.json["results"]?.array?.map {
                ($0["outcome"]?.string ?? "")
                    + ($0["reason"].flatMap(\.string).map { " " + $0 } ?? "")
            } ?? []
        }
        #expect(
            outcomes(first) == [
                "accepted", "accepted", "refused tenant-not-allowed", "duplicate", "in-conflict",
            ]
        )
        #expect(server.context.engine.durable == server.context.engine.appended)
        let second = try await server.call("POST", "/api/v1/events", body, key: runtime)
        #expect(
            outcomes(second) == [
                "duplicate", "duplicate", "refused tenant-not-allowed", "duplicate", "in-conflict",
            ]
        )
        // Another principal's ids are its own.
        let own = try await server.makeKey(#"{"kind":"http","tenant":"acme","scopes":["ingest"]}"#)
        let same = try await server.call(
            "POST",
            "/api/v1/events",
            event("1", "acme", "5"),
            key: own
        )
        #expect(outcomes(same) == ["accepted"])
        func value(_ target: String, _ key: String?) async throws -> [String] {
            let reply = try await server.call("GET", target, key: key)
            return reply.json["data"]?.array?.map { $0["value"]?.string ?? "" } ?? [reply.text]
        }
        #expect(try await value("/api/v1/meters/in/query", runtime) == ["17"])
        #expect(try await value("/api/v1/meters/in/query", portal) == ["10"])
        #expect(try await value("/api/v1/meters/in/query?groupBy=tenant", nil) == ["10", "7"])
        let foreign = try await server.call(
            "GET",
            "/api/v1/tenants/other/agents/support-bot/usage",
            key: portal
        )
        #expect(foreign.status == 404)
        let agent = try await server.call(
            "GET",
            "/api/v1/tenants/acme/agents/support-bot/usage",
            key: portal
        )
        #expect(agent.json["components"]?.array?.first?["total"]?.string == "10")
        let old = CloudEventTests.event(["id": "\"9\"", "time": "\"2020-01-01T00:00:00Z\""])
        let tooOld = try await server.call("POST", "/api/v1/events", old, key: runtime)
        #expect(tooOld.status == 422)
        #expect(tooOld.json["type"]?.string == "urn:meter:problem:too-old-for-id-dedup")
        let status = try await server.call("GET", "/admin/v1/status")
        #expect(status.json["events"]?["conserved"] == .bool(true))
        let metrics = try await server.call("GET", "/metrics", key: portal)
        #expect(metrics.text.contains("meter_http_events_total{result=\"accepted\",reason=\"\"} 3"))
        #expect(!metrics.text.contains("acme"))
    }

    /// Every route that an administrator's key opens refuses a tenant's.
    @Test func `no administration route opens for a tenant or for nobody`() async throws {
        let server = try await TestServer()
        let portal = try await server.makeKey(
            #"{"kind":"http","tenant":"acme","scopes":["usage","ingest"]}"#
        )
        for route in server.api.routes where route.path.hasPrefix("/admin/") {
            let target = route.path.replacing("{id}", with: "0").replacing("{component}", with: "x")
            let refused = try await server.call(route.method.rawValue, target, key: portal)
            #expect(refused.status == 403, "\(route.method) \(target)")
            let unknown = try await server.call(route.method.rawValue, target, key: "nothing")
            #expect(unknown.status == 401, "\(route.method) \(target)")
        }
    }

    @Test func `without a Waldur reporting says what to do`() async throws {
        let server = try await TestServer()
        for (method, target, body) in [
            ("GET", "/admin/v1/report/preview", ""), ("POST", "/admin/v1/report/submit", ""),
            ("GET", "/admin/v1/reconcile", ""), ("GET", "/admin/v1/map/check", ""),
            ("POST", "/admin/v1/report/resume", #"{"month":"2026-12"}"#),
        ] {
            let reply = try await server.call(method, target, body)
            #expect(reply.status == 409, "\(target)")
            #expect(reply.text.contains("--waldur-url"))
        }
        let status = try await server.call("GET", "/admin/v1/report/status")
        #expect(status.json["reporting"]?.array == [])
    }

    @Test func `readiness follows its conditions`() async throws {
        let server = try await TestServer()
        #expect(try await server.call("GET", "/readyz").status == 503)
        server.context.readiness.clear(.starting)
        #expect(try await server.call("GET", "/readyz").status == 200)
        server.context.readiness.set(.diskFull, "the disk is full; make room")
        let full = try await server.call("GET", "/readyz")
        #expect(full.status == 503)
        #expect(full.json["reasons"]?.array?.first?["reason"]?.string == "disk-full")
        #expect(try await server.call("GET", "/healthz").status == 200)
    }
}
