internal import Meter
internal import MeterWire

// What `map check` finds in the accounts, the currency, and in amounts that Waldur will not hold much longer.

extension MapCheck {
    /// What the accounts lack for what is bound.
    ///
    /// - Parameters:
    ///   - standings: How each account stands with the reporter, by its name.
    ///   - seen: The resources that each account sees.
    ///   - bound: The resources that are told.
    static func findings(
        _ standings: [AccountStanding],
        seen: [String: Set<ResourceID>],
        bound: Set<ResourceID>
    ) -> [MapFinding] {
        var findings: [MapFinding] = []
        for standing in standings {
            let subject = "account \(standing.name)"
            for offering in standing.refused.sorted() {
                findings.append(
                    MapFinding(
                        isError: true,
                        subject: subject,
                        detail:
                            "Waldur refused its usage of offering \(offering) with 403: make it manager of "
                            + "the offering, or owner of the provider (a manager of the provider lacks "
                            + "RESOURCE.SET_USAGE)"
                    )
                )
            }
            if let seen = seen[standing.name], !bound.isEmpty, seen.isDisjoint(with: bound) {
                findings.append(
                    MapFinding(
                        isError: false,
                        subject: subject,
                        detail: "it sees no resource that is bound, so that it tells nothing"
                    )
                )
            }
        }
        return findings
    }

    /// The prices are in another currency than the configuration says.
    static func currencyFinding(configured: String?, waldurs: String?) -> MapFinding? {
        guard let configured, let waldurs, configured != waldurs else { return nil }
        return MapFinding(
            isError: true,
            subject: "currency",
            detail: "Waldur's prices are in \(waldurs), the configuration says \(configured)"
        )
    }

    /// An amount has come within a tenth of what Waldur's invoice items hold.
    static func amountFindings(
        of resource: ResourceID,
        in month: BillingMonth,
        waldur: WaldurID,
        book: BookState
    ) -> [MapFinding] {
        let key = ResourceKey(waldur: waldur, resource: resource)
        let told = book.submissions(of: key, in: month).sorted { $0.key < $1.key }
        return told.compactMap { key, standing in
            guard let amount = standing.confirmed?.amount,
                amount.rawValue >= SubmissionPlan.amountLimit.rawValue / 10
            else { return nil }
            return MapFinding(
                isError: false,
                subject: "resource \(resource), \(key.component)",
                detail:
                    "\(amount) told this month; Waldur answers 500 to 10^12 and more: measure in a larger unit"
            )
        }
    }
}
