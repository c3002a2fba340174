internal import Meter
internal import MeterWire

/// `/admin/v1/recounts`: a month derived again from the kept journal, and what differs from what was stored.
struct RecountRoutes {
    let jobs: RecountJobs
    let ledgers: TenantLedgers

    var routes: [APIRoute] {
        [
            APIRoute(
                .post, "/admin/v1/recounts", scopes: .admin, bodyByteCountMax: 1 << 12
            ) { call throws(Problem) in
                try call.query.allow(["waldur"])
                let fields = try RequestFields(call.body, allowed: ["month", "tenant"])
                guard let month = BillingMonth(try fields.text("month")) else {
                    throw .badBody("`month` is one since 1970, such as 2026-11.")
                }
                var tenant: Name?
                if let text = try fields.optional("tenant") {
                    tenant = try RequestFields.name(text, "tenant")
                }
                let period = try ledgers.one(call.query, of: tenant).period(month)
                return .json(try jobs.begin(period, of: tenant).json, status: 202)
            },
            APIRoute(.get, "/admin/v1/recounts/{number}", scopes: .admin) {
                call throws(Problem) in
                try call.query.allow([])
                guard let number = call.parts["number"].flatMap({ Int($0) }),
                    let job = jobs.job(number)
                else { throw .precondition("There is no such recount; the newest are remembered.") }
                if case .failed(let problem) = job.state { throw problem }
                return .json(job.json)
            },
        ]
    }
}

extension RecountJobs.Job {
    fileprivate var json: JSONOutput {
        var members = [
            JSONMember("number", .count(number)),
            JSONMember("month", .string(month.description)),
            JSONMember("tenant", .optional(tenant)),
        ]
        switch state {
        case .running, .failed:
            members += [
                JSONMember("state", "running"),
                JSONMember("readBytes", .decimal(doneByteCount)),
                JSONMember("bytes", .decimal(byteCount)),
            ]
        case .done(let result):
            members.append(JSONMember("state", "done"))
            members += result.members(catalog, comparedCatalog)
        }
        return .object(members)
    }
}

extension RecountResult {
    fileprivate func members(
        _ catalog: [RecountDifference], _ comparedCatalog: Bool
    ) -> [JSONMember] {
        [
            JSONMember("position", .decimal(position)),
            JSONMember("keptSince", .optional(keptSince.map(RFC3339.text))),
            JSONMember("records", .decimal(recordCount)),
            JSONMember("compared", .count(comparedCount)),
            JSONMember("accounts", .count(accountCount)),
            JSONMember("segments", .count(comparedSegments.count)),
            JSONMember("segmentsNotRead", .count(otherSegmentCount)),
            JSONMember("catalog", .boolean(comparedCatalog)),
            JSONMember("damage", .array(damage.map { .string($0) })),
            JSONMember("cut", .boolean(isCut)),
            JSONMember("differences", .array((differences + catalog).map(\.json))),
        ]
    }
}

extension RecountDifference {
    fileprivate var json: JSONOutput {
        [
            "of": .string(place.word),
            "subject": .optional(place.subject),
            "tenant": .optional(series?.tenant),
            "agent": .optional(series?.agent),
            "access": .optional(series?.access),
            "component": .string(componentText),
            "from": .optional(minutes.map { RFC3339.text($0.lowerBound) }),
            "to": .optional(minutes.map { RFC3339.text($0.upperBound) }),
            "journal": .decimal(journal.sum),
            "stored": .decimal(stored.sum),
            "difference": .string(difference),
            "journalCount": .decimal(journal.count),
            "storedCount": .decimal(stored.count),
        ]
    }
}
