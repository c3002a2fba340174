import Meter
import MeterWaldur
import MeterWire
import Testing

@testable import MeterServer

struct PortalTokenTests {
    private let now = Timestamp(milliseconds: 1_795_343_400_125)
    private let tokens = PortalTokens(key: [UInt8](repeating: 7, count: 32))

    private func grant(
        agents: Set<Name>? = nil,
        components: Set<Name>? = nil
    ) -> PortalGrant {
        PortalGrant(
            issuer: KeyID(rawValue: 0x0102_0304_0506_0708),
            tenant: "acme \"ü\"",
            agents: agents,
            components: components,
            seesUsers: true,
            expires: now.advanced(byMilliseconds: 1)
        )
    }

    private func refusal(_ text: String, at time: Timestamp? = nil) -> PortalTokenRefusal? {
        do {
            _ = try tokens.grant(text, at: time ?? now)
            return nil
        } catch { return error }
    }

    @Test func `a token grants what it was made for, until it ends`() throws {
        for grant in [grant(), grant(agents: ["a", "b,c"], components: ["input_tokens"])] {
            let token = try #require(tokens.token(grant))
            #expect(try tokens.grant(token, at: now) == grant)
            #expect(refusal(token, at: grant.expires) == .expired)
        }
    }

    @Test func `every changed, lost or added character is found`() throws {
        let token = try #require(tokens.token(grant(agents: ["bot"])))
        let characters = Array(token)
        for index in characters.indices {
            var changed = characters
            changed[index] = changed[index] == "A" ? "B" : "A"
            #expect(refusal(String(changed)) != nil, "\(index)")
            changed.remove(at: index)
            #expect(refusal(String(changed)) != nil, "\(index)")
            changed.insert(contentsOf: [characters[index], characters[index]], at: index)
            #expect(refusal(String(changed)) != nil, "\(index)")
        }
        for bad in [
            "", "mtr_portal_", "mtr_portal_.", "mtr_portal_a.b.c", token + "=", token + ".",
        ] {
            #expect(refusal(bad) != nil, "\(bad)")
        }
    }

    @Test func `a token of another server or for another use is forged`() throws {
        let other = PortalTokens(key: [UInt8](repeating: 8, count: 32))
        #expect(refusal(try #require(other.token(grant()))) == .forged)
    }

    @Test func `a token that would not fit into a header is not made`() {
        let names = Set((0..<100).map { Name(String(repeating: "n", count: 200) + "\($0)") })
        #expect(tokens.token(grant(agents: names)) == nil)
        #expect(refusal(PortalTokens.prefix + String(repeating: "A", count: 10_000)) == .malformed)
    }

    // MARK: - Against the routes

    private static let target = "/api/v1/meters/in/query?from=2026-01-01T00:00:00Z"

    private func make(
        _ server: TestServer,
        _ body: String,
        key: String
    ) async throws -> TestServer.Reply {
        try await server.call("POST", "/api/v1/portal-tokens", body, key: key)
    }

    @Test func `a platform makes tokens for its tenants, and no more than it may itself`()
        async throws
    {
        let server = try await TestServer()
        let platform = try await server.makeKey(
            #"{"kind":"http","platform":["acme","other"],"scopes":["usage"]}"#
        )
        let made = try await make(server, #"{"tenant":"acme","seconds":60}"#, key: platform)
        #expect(made.status == 201)
        let token = try #require(made.json["token"]?.string)
        #expect(try await server.call("GET", Self.target, key: token).status == 200)
        for (body, status) in [
            (#"{"tenant":"third"}"#, 404), (#"{"tenant":"acme","users":true}"#, 403),
            (#"{"tenant":"acme","seconds":3601}"#, 400), (#"{"tenant":"acme","seconds":0}"#, 400),
            (#"{"tenant":"acme","agents":[]}"#, 400), (#"{"tenant":"acme","agents":[""]}"#, 400),
            (#"{"tenant":"acme","components":"in"}"#, 400), (#"{"agents":["a"]}"#, 400),
            (#"{"tenant":"acme","agent":"a"}"#, 400), (#"{"tenant":"acme","users":1}"#, 400),
        ] {
            #expect(try await make(server, body, key: platform).status == status, "\(body)")
        }
        let own = try await server.makeKey(#"{"kind":"http","tenant":"acme"}"#)
        #expect(try await make(server, #"{"tenant":"acme"}"#, key: own).status == 403)
        #expect(try await make(server, #"{"tenant":"acme"}"#, key: token).status == 403)
        let socket = try await server.call(
            "POST",
            "/api/v1/portal-tokens",
            #"{"tenant":"acme"}"#
        )
        #expect(socket.status == 403)
    }

    @Test func `a token ends with the key that it was made with`() async throws {
        let server = try await TestServer()
        let made = try await server.call(
            "POST",
            "/admin/v1/keys",
            #"{"kind":"http","platform":["all"],"scopes":["usage"]}"#
        )
        let platform = try #require(made.json["key"]?.string)
        let id = try #require(made.json["id"]?.string)
        let reply = try await make(server, #"{"tenant":"acme"}"#, key: platform)
        let token = try #require(reply.json["token"]?.string)
        // A rotation leaves the old key, and so its tokens, for the time of the overlap.
        _ = try await server.call("POST", "/admin/v1/keys/\(id)/rotate", "{}")
        #expect(try await server.call("GET", Self.target, key: token).status == 200)
        _ = try await server.call("DELETE", "/admin/v1/keys/\(id)")
        let after = try await server.call("GET", Self.target, key: token)
        #expect(after.status == 401)
        #expect(after.text == (try await server.call("GET", Self.target, key: "x")).text)
    }

    @Test func `a token for some agents and components knows no others`() async throws {
        let server = try await TestServer()
        let platform = try await server.makeKey(
            #"{"kind":"http","platform":["acme"],"scopes":["usage","ingest"]}"#
        )
        var events: [String] = []
        for (agent, component) in [("bot", "in"), ("bot", "out"), ("aide", "in")] {
            events.append(
                CloudEventTests.event(
                    [
                        "id": "\"\(agent)\(component)\"", "time": "\"\(server.now)\"",
                        "subject": "\"\(agent)\"",
                    ],
                    data: ["tenant": "\"acme\"", "amounts": "{\"\(component)\":5}"]
                )
            )
        }
        let sent = try await server.call(
            "POST",
            "/api/v1/events",
            "[" + events.joined(separator: ",") + "]",
            key: platform
        )
        #expect(sent.status == 200)
        let reply = try await make(
            server,
            #"{"tenant":"acme","agents":["bot","absent"],"components":["in"]}"#,
            key: platform
        )
        let token = try #require(reply.json["token"]?.string)
        let sum = try await server.call("GET", Self.target + "&groupBy=agent", key: token)
        #expect(sum.json["data"]?.array?.map { $0["subject"]?.string } == ["bot"])
        let usage = "/api/v1/tenants/acme/agents"
        let own = try await server.call("GET", "\(usage)/bot/usage", key: token)
        #expect(own.json["components"]?.array?.map { $0["component"]?.string } == ["in"])
        for target in [
            "\(usage)/aide/usage", "\(usage)/nobody/usage", "\(usage)/bot/usage?component=out",
            "\(usage)/bot/usage?component=nothing", Self.target + "&subject=aide",
            Self.target + "&filterGroupBy[agent]=aide", Self.target + "&tenant=other",
            "/api/v1/meters/out/query", "/api/v1/meters/nothing/query",
        ] {
            #expect(try await server.call("GET", target, key: token).status == 404, "\(target)")
        }
    }
}
