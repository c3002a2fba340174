import Meter
@testable import MeterWaldur
import MeterWire
import Testing

/// The two judgements that decide what Waldur is told, without anything around them.
@Suite struct PlanTests {
    private static let resource = ResourceID(high: 1, low: 1)
    private static let period = PlanPeriodID(high: 2, low: 1)
    private static let row = UsageRowID(high: 3, low: 1)
    private static let start = Simulation.midMonth

    private func month(_ text: String = "2026-11") throws -> BillingMonth {
        try #require(BillingMonth(text))
    }

    private func intent(_ amounts: [Name: Int128]) throws -> SubmissionIntent {
        SubmissionIntent(
            number: 5,
            waldur: "main",
            resource: Self.resource,
            planPeriod: Self.period,
            month: try month(),
            position: 1,
            items: amounts.sorted { $0.key < $1.key }.map {
                .init(component: $0.key, total: Quantity(1), amount: Hundredths($0.value))
            }
        )
    }

    /// An observation in which a value stands in the plan period and, unless told otherwise, in the list.
    private func observation(
        _ usage: String?,
        listed: String? = nil,
        isListed: Bool = true,
        begunAfter: Int64 = 0
    ) throws -> Observation {
        let rows =
            usage.map {
                "{\"uuid\":\"\(Self.row)\",\"type\":\"agent_calls\",\"usage\":\"\($0)\"}"
            } ?? ""
        let json = try JSONParser.parse(
            Array(
                ("{\"uuid\":\"\(Self.period)\",\"start\":\"2026-11-10T00:00:00Z\",\"end\":null,"
                    + "\"components\":[\(rows)]}").utf8
            )
        )
        var observation = Observation(
            begun: Self.start.advanced(byMilliseconds: begunAfter),
            waldurTime: Self.start,
            month: try month(),
            periods: [try WaldurPlanPeriod(json)]
        )
        if let shown = listed ?? usage, isListed {
            let list = try JSONParser.parse(
                Array(
                    ("{\"uuid\":\"\(Self.row)\",\"type\":\"agent_calls\",\"usage\":\"\(shown)\","
                        + "\"billing_period\":\"2026-11-01\",\"resource_uuid\":\"\(Self.resource)\"}")
                        .utf8
                )
            )
            observation.rows[try month()] = [try WaldurUsageRow(list)]
        }
        return observation
    }

    private func judge(
        _ answer: Attempt.Answer,
        _ observation: Observation
    ) throws -> Settlement {
        Settlement.judge(
            OpenIntent(
                intent: try intent(["agent_calls": 300]),
                mark: SubmissionMark(number: 1, position: 0, entry: 0),
                isUnknown: false,
                open: ["agent_calls"]
            ),
            attempt: Attempt(sent: Self.start, answer: answer),
            observation: observation,
            requestLifeMilliseconds: 60_000
        )
    }

    @Test(arguments: [
        Attempt.Answer.accepted, .unknown("timed out"), .refused(status: 400, message: "no"),
    ])
    func `what is read back is confirmed, whatever the answer was`(answer: Attempt.Answer) throws {
        let settlement = try judge(answer, observation("3.00"))
        #expect(settlement.confirmed == ["agent_calls"] && settlement.refused.isEmpty)
    }

    @Test func `an answered call that cannot be read back is refused`() throws {
        #expect(try judge(.accepted, observation("2.00")).refused == ["agent_calls"])
        #expect(try judge(.accepted, observation(nil)).status == 201)
        let refused = try judge(.refused(status: 400, message: "no"), observation(nil))
        #expect(refused.refused == ["agent_calls"] && refused.status == 400 && refused.note == "no")
    }

    @Test func `an unknown one stays open until the longest life of a request is over`() throws {
        #expect(
            try judge(.unknown("x"), observation(nil, begunAfter: 59_999)).open == ["agent_calls"]
        )
        #expect(
            try judge(.unknown("x"), observation(nil, begunAfter: 60_000)).refused
                == ["agent_calls"]
        )
    }

    @Test func `two readings that differ decide nothing`() throws {
        for late in [Int64(0), 100_000] {
            for observation in [
                try observation("3.00", listed: "4.00", begunAfter: late),
                try observation("3.00", isListed: false, begunAfter: late),
            ] {
                #expect(try judge(.accepted, observation).open == ["agent_calls"])
                #expect(try judge(.unknown("x"), observation).open == ["agent_calls"])
            }
        }
    }

    @Test func `status words and lines say what to do`() throws {
        for kind in ReportFinding.Kind.allCases {
            let text = ReportFinding(kind, resource: Self.resource, ours: "1.00").description
            #expect(text.hasPrefix(kind.rawValue) && text.contains("\(Self.resource)"))
        }
    }
}
