import Meter
import MeterWaldur
import MeterWire
import Testing

@testable import MeterServer

/// Limits over a real engine and a real book: decided, in force at once, told and counted.
struct LimitRouteTests {
    private func event(_ id: Int, tenant: String, now: String) -> String {
        """
        {"specversion":"1.0","id":"\(id)","source":"/test","type":"agent.call","time":"\(now)",
        "subject":"bot","data":{"tenant":"\(tenant)","amounts":{"agent_calls":1}}}
        """
    }

    @Test func `a tenant's limit is decided, in force at once, and taken back`() async throws {
        let server = try await TestServer(["--limits-burst-seconds", "1"])
        let key = try await server.makeKey(
            #"{"kind":"http","platform":["all"],"scopes":["ingest"]}"#)
        func send(_ ids: Range<Int>, _ tenant: String) async throws -> TestServer.Reply {
            let events = ids.map { event($0, tenant: tenant, now: server.now) }
            return try await server.call(
                "POST", "/api/v1/events", "[" + events.joined(separator: ",") + "]", key: key)
        }
        let set = try await server.call(
            "PUT",
            "/admin/v1/limits",
            #"{"tenant":"acme","limits":{"events-per-second":10},"reason":"contract"}"#
        )
        #expect(set.status == 200)
        #expect(set.json["limits"]?["events-per-second"]?.string == "10")
        #expect(try await send(0..<60, "acme").status == 200)
        let held = try await send(60..<61, "acme")
        #expect(held.status == 429)
        #expect(held.json["type"]?.string == "urn:meter:problem:over-limit")
        #expect(held.json["limit"]?.string == "events-per-second")
        #expect(held.json["value"]?.string == "10")
        #expect(held.json["of"]?.string == "tenant")
        #expect(try await send(61..<161, "other").status == 200)
        // Nothing was decided about it: without the limit the same request counts.
        let reset = try await server.call(
            "PUT",
            "/admin/v1/limits",
            #"{"tenant":"acme","limits":{"events-per-second":null}}"#
        )
        #expect(reset.json["limits"]?.object?.isEmpty == true)
        let again = try await send(60..<61, "acme")
        #expect(again.json["counts"]?["accepted"] == .number("1"), "\(again.text)")
        let listed = try await server.call("GET", "/admin/v1/limits")
        #expect(listed.json["own"]?.array?.isEmpty == true)
        #expect(listed.json["defaults"]?["tenant"]?["agents"]?.string == "100000")
        let hit = try #require(listed.json["hits"]?.array?.first)
        #expect(hit["tenant"]?.string == "acme")
        #expect(hit["limit"]?.string == "events-per-second")
        #expect(hit["count"]?.string == "1")
    }

    @Test func `at the budget of ids the answer is 429 until ids have left`() async throws {
        let server = try await TestServer()
        let made = try await server.call(
            "POST", "/admin/v1/keys", #"{"kind":"http","platform":["all"],"scopes":["ingest"]}"#)
        let key = try #require(made.json["key"]?.string)
        let number = try #require(made.json["principal"]?["id"]?.string)
        let set = try await server.call(
            "PUT", "/admin/v1/limits", "{\"principal\":\(number),\"limits\":{\"ids\":2}}")
        #expect(set.status == 200)
        let first = event(1, tenant: "acme", now: server.now)
        let second = event(2, tenant: "acme", now: server.now)
        let third = event(3, tenant: "acme", now: server.now)
        for one in [first, second] {
            #expect(try await server.call("POST", "/api/v1/events", one, key: key).status == 200)
        }
        let held = try await server.call("POST", "/api/v1/events", third, key: key)
        #expect(held.status == 429)
        #expect(held.json["limit"]?.string == "ids")
        let wait = try #require(held.headers["retry-after"].flatMap { Int($0) })
        #expect((72 * 3_600...74 * 3_600).contains(wait))
        // What was promised to be remembered still is.
        let repeated = try await server.call("POST", "/api/v1/events", first, key: key)
        #expect(repeated.json["counts"]?["duplicate"] == .number("1"))
    }

    @Test func `what is no limit is refused with what is`() async throws {
        let server = try await TestServer()
        for (body, status, word) in [
            (#"{"limits":{"agents":1}}"#, 400, "`tenant` or a `principal`"),
            (#"{"tenant":"a","principal":1,"limits":{"agents":1}}"#, 400, "one of them"),
            (#"{"tenant":"a","limits":{}}"#, 400, "an object of numbers"),
            (#"{"tenant":"a","limits":{"agnets":1}}"#, 400, "events-per-second"),
            (#"{"tenant":"a","limits":{"agents":-1}}"#, 400, "whole number"),
            (#"{"tenant":"a","limits":{"ids":1}}"#, 409, "no limit of a tenant"),
            (#"{"principal":99,"limits":{"ids":1}}"#, 409, "no principal 99"),
            (#"{"tenant":"a","limit":{"agents":1}}"#, 400, "not known here"),
        ] {
            let reply = try await server.call("PUT", "/admin/v1/limits", body)
            #expect(reply.status == status, "\(body) \(reply.text)")
            #expect(reply.text.contains(word), "\(body) \(reply.text)")
        }
        #expect(server.context.book.state.limits.isEmpty)
    }

    @Test func `saying the same limits again is no decision`() async throws {
        let server = try await TestServer()
        let body = #"{"tenant":"acme","limits":{"agents":5}}"#
        for _ in 0..<3 {
            #expect(try await server.call("PUT", "/admin/v1/limits", body).status == 200)
        }
        #expect(server.context.book.state.head.number == 1)
        let more = #"{"tenant":"acme","limits":{"components":7}}"#
        let reply = try await server.call("PUT", "/admin/v1/limits", more)
        #expect(reply.json["limits"]?["agents"]?.string == "5")
        #expect(reply.json["limits"]?["components"]?.string == "7")
    }

    @Test func `metrics name who met a limit to administrators only`() async throws {
        let server = try await TestServer()
        server.context.engine.limiters.tenant("acme")?.note(.eventsPerSecond)
        let holder =
            #"meter_limited_by_holder_total{of="tenant",limit="events-per-second",holder="acme"} 1"#
        let kind = #"meter_limited_total{of="tenant",limit="events-per-second"} 1"#
        let admin = try await server.call("GET", "/metrics")
        #expect(admin.text.contains(holder))
        #expect(admin.text.contains(kind))
        let key = try await server.makeKey(#"{"kind":"http","tenant":"other"}"#)
        let other = try await server.call("GET", "/metrics", key: key)
        #expect(other.text.contains(kind))
        #expect(!other.text.contains("acme"))
        for number in 0..<300 {
            server.context.engine.limiters.tenant(Name("t\(number)"))?.note(.agents)
        }
        let many = try await server.call("GET", "/metrics")
        let lines = many.text.split(separator: "\n")
            .filter { $0.hasPrefix("meter_limited_by_holder_total{") }
        #expect(lines.count <= 102)
        #expect(lines.contains { $0.contains("__other__") })
        let sum = lines.compactMap { Int($0.split(separator: " ").last ?? "") }.reduce(0, +)
        #expect(sum == 301)
    }
}
