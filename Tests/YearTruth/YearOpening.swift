/// How the year begins: every agent that the script says nothing else of is bound to its tenant's resource.
enum YearOpening {
    private static let boundByScript: Set<String> = ["n08", "n11", "n13", "n14", "e10"]

    static let rows: [YearRow] = YearTenant.all.filter { !boundByScript.contains($0.name) }
        .map { tenant in
            YearRow(
                minute: tenant.site.minute("01-05 09:00"),
                site: tenant.site,
                act: .binds(
                    "\(tenant.name)/helper",
                    tenant: tenant.name,
                    to: tenant.name,
                    from: "01-01 00:00"
                )
            )
        }
}

/// The script: everything that happens in the year, in the order of its times.
package enum Year {
    package static let rows: [YearRow] = {
        let tables =
            YearOpening.rows + YearFirstHalf.rows + YearSecondHalf.rows + YearTurn.rhythm
            + YearPlainUsage.rows
        return tables.enumerated().sorted { left, right in
            (left.element.arrival, left.offset) < (right.element.arrival, right.offset)
        }.map(\.element)
    }()

    /// The first minute of the script.
    package static let start = Site.north.minute("01-05 05:00")
}

extension YearRow {
    /// When it takes effect: usage when it arrives.
    package var arrival: Int {
        if case .uses(_, _, _, agent: _, access: _, outcome: _, arrives: let later?) = act {
            return site.minute(later)
        }
        return minute
    }
}
