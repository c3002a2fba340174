import Synchronization
import Testing

@testable import WaldurDouble

/// Planned misbehaviour over a real socket, and clocks of other zones.
@Suite(.serialized) struct FaultTests {
    private static let noon = Moment(year: 2026, month: 11, day: 20)

    private func with(
        at moment: Moment = noon,
        _ fixture: Fixture = SmallWorld.fixture(),
        faults: String = "[]",
        _ body: @Sendable (RunningDouble) async throws -> Void
    ) async throws {
        try await RunningDouble.with(clock: .standing(moment), fixture: fixture) {
            (double) async throws in
            let answer = try await double.send("POST", "/double/faults", body: faults)
            #expect(answer.status == 200)
            try await body(double)
        }
    }

    /// Reports as the provider; nil where no answer came.
    private func report(_ amount: String, to double: RunningDouble) async -> Int? {
        try? await double.send(
            "POST",
            "/api/marketplace-component-usages/set_usage/",
            token: SmallWorld.providerToken,
            body: SmallWorld.report(SmallWorld.first, ("agent_calls", amount))
        ).status
    }

    private func rows(_ double: RunningDouble) async throws -> [String] {
        let target =
            "/api/marketplace-component-usages/?resource_uuid=\(SmallWorld.first)"
            + "&field=usage&field=billing_period"
        return try await double.list(target, token: SmallWorld.staffToken).map { row in
            text(row, "billing_period").prefix(7) + " " + text(row, "usage")
        }
    }

    @Test func `a dropped connection gives no answer, before the call takes effect or after`()
        async throws
    {
        let faults = """
            [{"path":"set_usage","kind":"drop","skip":1},
             {"path":"set_usage","kind":"drop","applies":true}]
            """
        try await with(faults: faults) { (double) async throws in
            #expect(await report("1", to: double) == 201)
            #expect(await report("2", to: double) == nil)
            #expect(try await rows(double) == ["2026-11 1.00"])
            #expect(await report("3", to: double) == nil)
            #expect(try await rows(double) == ["2026-11 3.00"])
            #expect(await report("4", to: double) == 201)
        }
    }

    @Test func `a call that hangs on its way holds up nobody, inside Waldur its own token`()
        async throws
    {
        let faults = """
            [{"path":"set_usage","kind":"hang","method":"POST","seconds":60},
             {"path":"set_usage","kind":"hang","seconds":2,"holds_token":true}]
            """
        try await with(faults: faults) { (double) async throws in
            async let lost = report("1", to: double)
            try await double.wait { $0.faults.count == 1 }
            #expect(try await rows(double).isEmpty)
            async let stuck = report("2", to: double)
            try await double.wait { $0.faults.isEmpty }
            // The provider's own token waits behind it; staff's does not.
            let calls = double.state.with { $0.calls }
            let own = Task {
                try await double.send("GET", "/api/users/me/", token: SmallWorld.providerToken)
                    .status
            }
            try await double.wait { $0.calls > calls }
            let answered = Mutex(false)
            async let ownStatus = {
                let status = try await own.value
                answered.withLock { $0 = true }
                return status
            }()
            #expect(try await rows(double).isEmpty)
            #expect(!answered.withLock { $0 })
            _ = try await double.send("POST", "/double/clock", body: #"{"advance_seconds":2}"#)
            #expect(await stuck == nil)
            #expect(try await ownStatus == 200)
            #expect(try await rows(double).isEmpty)
            _ = try await double.send("POST", "/double/clock", body: #"{"advance_seconds":58}"#)
            #expect(await lost == nil)
        }
    }

    @Test func `a call that timed out is applied later, after midnight in the new month`()
        async throws
    {
        let evening = Moment(year: 2026, month: 12, day: 1).advanced(bySeconds: -30)
        let faults = #"[{"path":"set_usage","kind":"later","seconds":60}]"#
        try await with(at: evening, faults: faults) { (double) async throws in
            async let stuck = report("7", to: double)
            try await double.wait { $0.faults.isEmpty }
            #expect(await report("8", to: double) == 201)
            #expect(try await rows(double) == ["2026-11 8.00"])
            _ = try await double.send("POST", "/double/clock", body: #"{"advance_seconds":59}"#)
            try await Task.sleep(for: .milliseconds(50))
            #expect(try await rows(double) == ["2026-11 8.00"])
            _ = try await double.send("POST", "/double/clock", body: #"{"advance_seconds":1}"#)
            var found: [String] = []
            for _ in 0..<20_000 where found.count < 2 {
                try await Task.sleep(for: .milliseconds(10))
                found = try await rows(double)
            }
            #expect(found == ["2026-12 7.00", "2026-11 8.00"])
            #expect(await stuck == nil)
        }
    }

    @Test func `an approval is carried out when the worker comes to it`() async throws {
        try await with { (double) async throws in
            _ = try await double.send("POST", "/double/worker", body: #"{"delay_seconds":60}"#)
            let ordered = try await double.send(
                "POST",
                "/api/marketplace-resources/\(SmallWorld.first)/terminate/",
                token: SmallWorld.buyerToken,
                body: "{}"
            )
            let order = text(try #require(ordered.json), "order_uuid")
            let path = "/api/marketplace-orders/\(order)/"
            let token = SmallWorld.providerToken
            let approved = try await double.send(
                "POST",
                path + "approve_by_provider/",
                token: token,
                body: "{}"
            )
            #expect(approved.status == 200)
            #expect(await report("1", to: double) == 201)
            let shown = path + "?field=state"
            var states: [String] = []
            states.append(try await double.send("GET", shown, token: token).text)
            _ = try await double.send("POST", "/double/clock", body: #"{"advance_seconds":61}"#)
            states.append(try await double.send("GET", shown, token: token).text)
            #expect(states == [#"{"state":"executing"}"#, #"{"state":"done"}"#])
            #expect(await report("2", to: double) == 400)
        }
    }

    @Test func `months begin by the clocks of Waldur's zone, summer time included`() async throws {
        var fixture = SmallWorld.fixture(activated: "2026-10-10T00:00:00Z")
        fixture.timeZone = "Europe/Tallinn"
        let turn = try #require(Moment("2026-10-31T22:00:00Z"))
        try await with(at: turn.advanced(bySeconds: -1), fixture) { (double) async throws in
            #expect(await report("1", to: double) == 201)
            double.setClock(turn)
            #expect(await report("2", to: double) == 201)
            #expect(try await rows(double) == ["2026-11 2.00", "2026-10 1.00"])
            let items = try await double.list(
                "/api/provider-invoice-items/?invoice_month=11&page_size=300"
            )
            let usage = items.filter { text($0, "billing_type") == "usage" }
            #expect(usage.map { text($0, "start") } == ["2026-11-01T00:00:00+02:00"])
            #expect(usage.map { text($0, "end") } == ["2026-11-30T23:59:59.999999+02:00"])
        }
        let zone = try #require(Zone("Europe/Tallinn"))
        let march = Month(year: 2027, number: 3, zone: zone)
        #expect(march.start.zulu == "2027-02-28T22:00:00Z")
        #expect(march.end.zulu == "2027-03-31T20:59:59.999999Z" && march.days == 31)
        #expect(Zone("Nowhere/Atlantis") == nil)
    }
}
