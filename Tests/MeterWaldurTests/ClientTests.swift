import Meter
import MeterTesting
@testable import MeterWaldur
import MeterWire
import Testing

/// What the client makes of Waldur's answers, good and bad.
@Suite struct ClientTests {
    private static let now = Simulation.midMonth

    private func client(_ answers: [WaldurResponse]) -> WaldurClient {
        WaldurClient(transport: CannedTransport(answers)) { Self.now }
    }

    private func failure<Value>(
        _ operation: () async throws(WaldurError) -> Value
    ) async -> WaldurError? {
        do throws(WaldurError) {
            _ = try await operation()
            return nil
        } catch {
            return error
        }
    }

    private func invoices(_ count: Int, from first: Int) -> String {
        "["
            + (first..<first + count).map { number in
                let digits = String(number)
                let uuid = String(repeating: "0", count: 32 - digits.count) + digits
                return "{\"uuid\":\"\(uuid)\",\"number\":\(number),\"year\":2026,\"month\":11,"
                    + "\"customer\":\"http://w/api/customers/\(uuid)/\",\"state\":\"pending\"}"
            }.joined(separator: ",") + "]"
    }

    @Test func `rows of several pages are put together and told apart by uuid`() async throws {
        let answers = [
            CannedTransport.json(invoices(300, from: 0), headers: ["x-result-count": "301"]),
            CannedTransport.json(invoices(2, from: 299), headers: ["x-result-count": "301"]),
        ]
        let transport = CannedTransport(answers)
        let client = WaldurClient(transport: transport) { Self.now }
        #expect(try await client.invoices().count == 301)
        #expect(transport.sent.map(\.path).last?.hasSuffix("&page=2&page_size=300") == true)
        #expect(transport.sent.allSatisfy { $0.path.contains("/?") })
    }

    @Test func `rows that stood on no page are found in pages of another size`() async throws {
        let count = ["x-result-count": "302"]
        let transport = CannedTransport([
            CannedTransport.json(invoices(300, from: 0), headers: count),
            CannedTransport.json(invoices(2, from: 299), headers: count),
            CannedTransport.json(invoices(283, from: 19), headers: count),
            CannedTransport.json(invoices(19, from: 100), headers: count),
        ])
        let client = WaldurClient(transport: transport) { Self.now }
        #expect(Set(try await client.invoices().map(\.number)) == Set(0..<302))
        #expect(transport.sent.last?.path.hasSuffix("&page=2&page_size=283") == true)
    }

    @Test func `pages that hold fewer different rows than Waldur counts are not believed`() async {
        let answers = (0..<3).flatMap { _ in
            [
                CannedTransport.json(invoices(300, from: 0), headers: ["x-result-count": "302"]),
                CannedTransport.json(invoices(2, from: 299), headers: ["x-result-count": "302"]),
            ]
        }
        let error = await failure { () async throws(WaldurError) in
            try await client(answers).invoices()
        }
        #expect(error == .incomplete(expected: 302, found: 301))
    }

    @Test(arguments: [
        ("{\"usage\":1}", "application/json"), ("[{\"uuid\":1}]", "application/json"),
        ("[", "application/json"), ("[]", "text/html"), ("[{}]", "application/json"),
        ("null", "application/json"), ("", "application/json"),
    ])
    func `an answer that is not what it should be is malformed, never half read`(
        text: String,
        type: String
    ) async {
        let answer = WaldurResponse(
            status: 200,
            headers: ["content-type": type, "x-result-count": "1"],
            body: Array(text.utf8)
        )
        let error = await failure { () async throws(WaldurError) in
            try await client([answer]).invoices()
        }
        guard case .malformed = error else {
            Issue.record("\(text): \(String(describing: error))")
            return
        }
    }

    @Test func `rows of another month or resource than was asked for are not believed`()
        async throws
    {
        let row =
            "[{\"uuid\":\"00000000000000000000000000000001\",\"type\":\"agent_calls\","
            + "\"usage\":\"1.00\",\"billing_period\":\"2026-10-01\",\"description\":\"\","
            + "\"resource_uuid\":\"\(DoubleWorld.resources[0])\"}]"
        let answer = CannedTransport.json(row, headers: ["x-result-count": "1"])
        let resource = try #require(ResourceID(DoubleWorld.resources[0]))
        let month = try #require(BillingMonth("2026-11"))
        let error = await failure { () async throws(WaldurError) in
            try await client([answer]).usageRows(of: resource, in: month)
        }
        guard case .malformed = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func `a refusal keeps its text and an error page is not read`() async throws {
        let call = SetUsageCall(
            resource: try #require(ResourceID(DoubleWorld.resources[0])),
            planPeriod: try #require(PlanPeriodID(DoubleWorld.resources[1])),
            items: [
                .init(
                    component: "a\"b",
                    amount: try #require(Hundredths("1.5")),
                    description: "meter 7"
                )
            ]
        )
        let page = WaldurResponse(
            status: 500,
            headers: ["content-type": "text/html; charset=utf-8"],
            body: Array("<!doctype html><h1>secret</h1>".utf8)
        )
        let refusal = CannedTransport.json("{\"non_field_errors\":[\"no\n\"]}", status: 400)
        let busy = CannedTransport.json(
            "{}",
            status: 429,
            headers: ["retry-after": "Mon, 16 Nov 2026 12:02:00 GMT"]
        )
        let transport = CannedTransport([page, refusal, busy])
        let client = WaldurClient(transport: transport) { Self.now }
        var errors: [WaldurError] = []
        for _ in 0..<3 {
            if let error = await failure({ () async throws(WaldurError) in
                try await client.setUsage(call)
            }) {
                errors.append(error)
            }
        }
        #expect(errors[0] == .status(500, message: "a page, not JSON", retryAfterMilliseconds: nil))
        #expect(!errors[0].isFinalRefusal && !errors[0].surelyNotRun)
        #expect(errors[1].isFinalRefusal && errors[1].description.contains("no "))
        let until = try #require(WaldurTime.parse("2026-11-16T12:02:00Z"))
        #expect(
            errors[2].retryAfterMilliseconds == until.milliseconds - Self.now.milliseconds
        )
        let body = try JSONParser.parse(Array(try #require(transport.sent.first).body.utf8))
        let item = body["usages"]?.array?.first
        #expect(item?["type"]?.string == "a\"b" && item?["amount"] == .string("1.50"))
        #expect(item?["description"]?.string == "meter 7")
        #expect(transport.sent.allSatisfy { $0.path.hasSuffix("/set_usage/") })
    }

    @Test func `what 7_3 hides from a provider is no error`() async throws {
        let hidden = CannedTransport.json(
            "{\"detail\":\"You do not have permission.\"}",
            status: 403
        )
        #expect(try await client([hidden]).version() == nil)
    }

    @Test func `one request at a time, and one that is given up leaves the line`() async throws {
        let answers = (0..<12).map { _ in CannedTransport.json("{\"version\":\"7.3\"}") }
        let transport = CannedTransport(answers, pauseMilliseconds: 20)
        let client = WaldurClient(transport: transport) { Self.now }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<10 { group.addTask { _ = try? await client.version() } }
            let impatient = Task { try? await client.version() }
            impatient.cancel()
            await group.waitForAll()
        }
        #expect(transport.underWayMax == 1)
        #expect(try await client.version()?.description == "7.3")
    }

    @Test func `Waldur's clock is known up to an uncertainty that contains the truth`() {
        var seed = Seed(7)
        for _ in 0..<300 {
            let skew = Int64(seed.below(100_000)) - 50_000
            var clock: WaldurClock?
            var now = Self.now
            for _ in 0..<20 {
                let sent = now.advanced(byMilliseconds: Int64(seed.below(10_000)))
                let out = Int64(seed.below(3_000))
                let received = sent.advanced(byMilliseconds: out + Int64(seed.below(3_000)))
                let stamped = sent.milliseconds + out + skew
                let reading = WaldurClock(
                    date: Timestamp(milliseconds: stamped - stamped % 1000),
                    sent: sent,
                    received: received
                )
                if clock == nil { clock = reading } else { clock?.update(with: reading) }
                let later = received.advanced(byMilliseconds: 5_000)
                let truth = later.advanced(byMilliseconds: skew)
                #expect(clock.map { $0.earliest(at: later) <= truth } == true)
                #expect(clock.map { truth <= $0.latest(at: later) } == true)
                now = received
            }
            #expect((clock?.uncertaintyMilliseconds ?? .max) < 1_500)
            // Waldur's clock is set an hour forward: the next answer is believed.
            let set = now.milliseconds + skew + 3_600_000
            clock?.update(
                with: WaldurClock(
                    date: Timestamp(milliseconds: set - set % 1000),
                    sent: now,
                    received: now
                )
            )
            let truth = now.advanced(byMilliseconds: skew + 3_600_000)
            #expect(
                clock.map { $0.earliest(at: now) <= truth && truth <= $0.latest(at: now) } == true
            )
        }
    }

    @Test func `a Waldur without a usable date is not reported to`() async throws {
        let client = client([CannedTransport.json("{}", headers: ["date": "yesterday"])])
        _ = try await client.currency()
        #expect(client.clock == nil)
    }
}
