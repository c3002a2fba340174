import Meter
import MeterWaldur
import MeterWire
import Synchronization
import Testing

@testable import MeterServer

struct EventsRouteTests {
    private let now = Timestamp(milliseconds: 1_795_343_400_125)

    private func send(
        _ body: String,
        type: String = "application/json",
        to sink: FakeSink? = nil,
        as caller: Caller = FakeCallers.holder(.platformForAll)
    ) async throws -> (status: Int, json: JSONValue) {
        let hash = try #require(IdentifierHash(key: [UInt8](repeating: 1, count: 16)))
        let route = EventsRoute(
            sink: sink ?? FakeSink(now: now),
            hash: hash,
            counters: APICounters(),
            behindMilliseconds: 3_600_000,
            eventCountMax: 100,
            bodyByteCountMax: 1 << 20
        ).route
        let answer: APIAnswer
        do throws(Problem) {
            answer = try await route.handler(
                APICall(
                    caller: caller,
                    path: "/api/v1/events",
                    query: try QueryItems(""),
                    contentType: type,
                    body: Array(body.utf8)
                )
            )
        } catch {
            answer = .problem(error, instance: "/api/v1/events")
        }
        return (answer.status, try JSONParser.parse(answer.body))
    }

    private func outcomes(_ json: JSONValue) -> [String] {
        json["results"]?.array?.map { $0["outcome"]?.string ?? "" } ?? []
    }

    @Test func `a single event is answered with its outcome`() async throws {
        let answer = try await send(CloudEventTests.event(), type: EventsRoute.single)
        #expect(answer.status == 200)
        #expect(outcomes(answer.json) == ["accepted"])
        #expect(answer.json["results"]?.array?[0]["id"]?.string == "1")
        #expect(answer.json["counts"]?["accepted"] == .number("1"))
    }

    @Test func `an event that is over an hour old is accepted behind`() async throws {
        let old = CloudEventTests.event(["time": "\"2026-11-22T09:29:59Z\""])
        let edge = CloudEventTests.event(["time": "\"2026-11-22T09:30:01Z\""])
        let answer = try await send("[\(old),\(edge)]")
        #expect(outcomes(answer.json) == ["accepted-behind", "accepted"])
        #expect(answer.status == 200)
    }

    @Test func `each event of a batch has its own outcome`() async throws {
        let sink = FakeSink(now: now) { index in
            [.accepted, .duplicate, .inConflict, .refused(.tooOldForIDDedup)][index]
        }
        let event = CloudEventTests.event()
        let bad = CloudEventTests.event(data: ["amounts": "{\"x\":-1}"])
        let answer = try await send(
            "[\(event),\(bad),\(event),\(event),\(event)]",
            type: EventsRoute.batch,
            to: sink
        )
        #expect(answer.status == 207)
        #expect(
            outcomes(answer.json) == ["accepted", "refused", "duplicate", "in-conflict", "refused"]
        )
        let reasons = answer.json["results"]?.array?.map { $0["reason"]?.string ?? "" }
        #expect(reasons == ["", "negative-amount", "", "", "too-old-for-id-dedup"])
        #expect(answer.json["counts"]?["refused"] == .number("2"))
        // What was refused before is not in the batch.
        #expect(sink.calls.withLock { $0.map(\.events.identities.count) } == [4])
    }

    @Test func `a single event that is not counted is a problem`() async throws {
        let refused = try await send(
            CloudEventTests.event(),
            to: FakeSink(now: now) { _ in .refused(.inFuture) }
        )
        #expect(refused.status == 422)
        #expect(refused.json["type"]?.string == "urn:meter:problem:in-future")
        #expect(outcomes(refused.json) == ["refused"])
        let conflict = try await send(
            CloudEventTests.event(),
            to: FakeSink(now: now) { _ in .inConflict }
        )
        #expect(conflict.status == 409)
        let duplicate = try await send(
            CloudEventTests.event(),
            to: FakeSink(now: now) { _ in .duplicate }
        )
        #expect(duplicate.status == 200)
    }

    @Test func `what came travels in the frame's coding`() async throws {
        let sink = FakeSink(now: now)
        let one = CloudEventTests.event()
        let two = CloudEventTests.event(
            ["id": "\"2\"", "time": "\"2026-11-22T10:29:00Z\""],
            data: ["model": "\"m\""]
        )
        _ = try await send(
            "[\(one),\(two)]",
            to: sink,
            as: FakeCallers.holder(.platformForAll, id: 9)
        )
        let call = try #require(sink.calls.withLock { $0.first })
        #expect(call.principal == PrincipalID(rawValue: 9))
        #expect(call.events.baseTime == 1_795_343_400_125)
        #expect(Set(call.events.identities).count == 2)
        var encoder = PayloadEncoder(byteCountMax: 1 << 19)
        for body in [one, two] {
            let read = try CloudEventReader.read(Array(body.utf8), rules: CloudEventRules())
            #expect(encoder.append(try read.events[0].result.get()) == .appended)
        }
        #expect(call.events.payload == encoder.payload())
        var batch = EventBatch()
        let payload = call.events.payload
        try unsafe payload.withUnsafeBytes { bytes in
            try unsafe batch.decode(
                payload: bytes,
                eventCount: 2,
                baseTime: call.events.baseTime
            )
        }
        #expect(batch.eventCount == 2)
    }

    @Test func `a tenant's key fills in its tenant`() async throws {
        let bare = CloudEventTests.event(data: ["tenant": nil])
        let own = try await send(bare, as: FakeCallers.holder(.tenant("acme")))
        #expect(own.status == 200)
        let single = try await send(bare, as: FakeCallers.holder(.platform(tenants: ["acme"])))
        #expect(single.status == 200)
        let several = try await send(bare, as: FakeCallers.holder(.platform(tenants: ["a", "b"])))
        #expect(several.status == 422)
        #expect(several.json["type"]?.string == "urn:meter:problem:missing-attribute")
    }

    @Test func `content type and body must agree`() async throws {
        let event = CloudEventTests.event()
        #expect(try await send("[\(event)]", type: EventsRoute.single).status == 400)
        #expect(try await send(event, type: EventsRoute.batch).status == 400)
        #expect(try await send("[\(event)]", type: EventsRoute.batch).status == 200)
        for type in ["", "text/plain", "application/xml", "application/cloudevents"] {
            #expect(try await send(event, type: type).status == 415, "\(type)")
        }
        #expect(try await send("{", type: EventsRoute.single).status == 400)
        #expect(
            try await send("[" + Array(repeating: event, count: 101).joined(separator: ",") + "]")
                .status
                == 413
        )
        #expect(try await send("[]").status == 200)
    }

    @Test func `back-pressure is told and nothing is decided`() async throws {
        let sink = FakeSink(now: now, failing: .busy("held back", retryAfter: 3))
        let answer = try await send(CloudEventTests.event(), to: sink)
        #expect(answer.status == 429)
        #expect(answer.json["title"]?.string != nil)
    }

    @Test func `nobody without a key sends events, also over the socket`() async throws {
        #expect(try await send(CloudEventTests.event(), as: .localAdministrator).status == 401)
        #expect(try await send(CloudEventTests.event(), as: .anonymous).status == 401)
    }
}
