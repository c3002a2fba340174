internal import Meter
internal import MeterWaldur
internal import MeterWire

/// `/admin/v1/offerings`: in which units offerings measure, and which components feed theirs.
struct OfferingRoutes {
    let context: ServerContext
    let reporting: (any ReportingControl)?

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/offerings", scopes: .admin) { call throws(Problem) in
                try call.query.allow([])
                let units = context.book.state.billing.offeringUnits.values.sorted { left, right in
                    (left.waldur, left.offering, left.component)
                        < (right.waldur, right.offering, right.component)
                }
                return .json(["components": .array(units.map(Self.json))])
            },
            APIRoute(
                .post,
                "/admin/v1/offerings/{offering}/sync",
                scopes: .admin,
                bodyByteCountMax: 1 << 14
            ) { call async throws(Problem) in try await sync(call) },
        ]
    }

    private func sync(_ call: APICall) async throws(Problem) -> APIAnswer {
        guard let offering = OfferingID(call.parts["offering"] ?? "") else {
            throw .badBody("An offering's uuid has 32 hexadecimal digits.")
        }
        let fields = try RequestFields(call.body, allowed: ["feeds", "bills", "dryRun"])
        var given = OfferingWishes()
        for text in try fields.texts("feeds") ?? [] {
            guard let feeds = OfferingFeeds(text) else {
                throw .badBody(
                    "`\(QueryItems.shown(text))` is no feed; write "
                        + "tokens=input_tokens:1000,output_tokens:1000, after the colon how many "
                        + "smallest units make one of the offering's (7/3 is possible)."
                )
            }
            given.feeds.append(feeds)
        }
        for text in try fields.texts("bills") ?? [] {
            guard let bills = OfferingBills(text) else {
                throw .badBody(
                    "`\(QueryItems.shown(text))` names no outcomes; write tokens=ok,cached: ok, and "
                        + "which of error, refused and cached are billed, too."
                )
            }
            given.bills.append(bills)
        }
        let isDryRun = try fields.isDryRun()
        try call.query.allow(["waldur"])
        let control = try ReportRoutes.control(reporting, call)
        let (wishes, author) = (given, call.caller.author)
        let sync = try await ReportRoutes.ask { () async throws(ReportingFailure) in
            try await control.syncOffering(
                offering,
                given: wishes,
                isDryRun: isDryRun,
                author: author
            )
        }
        return .json([
            "offering": .string(sync.offering.id.description),
            "name": .string(sync.offering.name), "dryRun": .boolean(isDryRun),
            "components": .array(sync.rows.map(Self.json)),
        ])
    }

    private static func json(_ row: OfferingSync.Row) -> JSONOutput {
        [
            "component": .string(row.component.description),
            "billingType": .string(row.billingType), "measuredUnit": .string(row.measuredUnit),
            "fedBy": .array(row.feeds.map(json)), "bills": json(row.bills),
            "state": .string(row.state.name),
            "detail": .optional(row.state.detail),
        ]
    }

    private static func json(_ bills: BilledOutcomes) -> JSONOutput {
        .array(bills.texts.map { .string($0) })
    }

    private static func json(_ feed: OfferingSync.Feed) -> JSONOutput {
        [
            "component": .string(feed.component.description),
            "unitsPerMeasured": .string(feed.ratio.description),
        ]
    }

    private static func json(_ unit: OfferingUnitSet) -> JSONOutput {
        [
            "waldur": .string(unit.waldur.name), "offering": .string(unit.offering.description),
            "component": .string(unit.component.description),
            "measuredUnit": .string(unit.reportedUnit),
            "fedBy": .array(OfferingSync.ratios(unit).map(json)),
            "bills": json(unit.bills ?? .all),
        ]
    }
}

extension OfferingSync.Row.State {
    fileprivate var name: String {
        switch self {
        case .new: "new"
        case .changed: "changed"
        case .unchanged: "unchanged"
        case .notByUsage: "not-by-usage"
        case .notFed: "not-fed"
        case .unitUnknown: "unit-unknown"
        case .refused: "refused"
        }
    }

    fileprivate var detail: String? {
        switch self {
        case .new, .changed, .unchanged: nil
        case .notByUsage: "Waldur takes no usage for it"
        case .notFed: "nothing declared feeds it, so nothing is told: components set, or --feed"
        case .unitUnknown(let detail): detail
        case .refused(let refusal): refusal.description
        }
    }
}
