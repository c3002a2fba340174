/// What every tenant uses every month, by arithmetic: three times in the month, once in its last hour, and
/// with one tenant of five after the last totals.
enum YearPlainUsage {
    /// Tenants with amounts that leave nothing over when they are told in hundredths of the unit: where
    /// their rows end otherwise than at the turn of a month.
    static let whole: Set<String> = [
        "n02", "n03", "n04", "n05", "n06", "n10", "n16", "n18", "n19", "n20", "e05", "e08", "e10",
    ]

    /// The last month of tenants who stop.
    static let lastMonth = ["n04": 4, "n05": 5]

    static let rows: [YearRow] = YearTenant.all.flatMap { tenant in
        (1...(lastMonth[tenant.name] ?? 12)).flatMap { month in rows(of: tenant, in: month) }
    }

    private static func rows(of tenant: YearTenant, in month: Int) -> [YearRow] {
        let name = YearMonth(month)
        let minute = (tenant.number < 10 ? "0" : "") + "\(tenant.number)"
        var times = ["\(name)-04 09:\(minute)"]
        if month < lastMonth[tenant.name] ?? 13 {
            times += [
                "\(name)-14 17:\(minute)", "\(name)-24 20:\(minute)",
                "\(name)-\(name.lastDay) 23:20",
            ]
            if tenant.number % 5 == 0 { times.append("\(name)-\(name.lastDay) 23:52") }
        }
        return times.enumerated().flatMap { index, time in
            tenant.offer.components.map { component in
                YearRow(
                    minute: tenant.site.minute(time),
                    site: tenant.site,
                    act: .uses(
                        tenant.name,
                        component.name,
                        amount(tenant, component, month, index),
                        access: tenant.name == "n08" ? "n08/a" : nil
                    )
                )
            }
        }
    }

    private static func amount(
        _ tenant: YearTenant,
        _ component: YearOffer.Component,
        _ month: Int,
        _ index: Int
    ) -> Int {
        let mixed = tenant.number * 37 + month * 101 + index * 53
        guard component.size > 1 else { return mixed % 97 + 1 }
        let amount = (mixed * 7919) % (component.size * 20) + component.size
        let hundredth = component.size / 100
        return whole.contains(tenant.name) ? amount / hundredth * hundredth : amount
    }
}
