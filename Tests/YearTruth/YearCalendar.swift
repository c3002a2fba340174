/// How each month of a Waldur ends and the next begins.
struct YearTurn: Sendable {
    enum Task: Sendable {
        case onTime
        case fourHoursLate
        /// A person lets Meter go on, and somebody runs the task by hand weeks later.
        case failed
    }

    enum Outage: Sendable {
        /// Meter is off from before the last totals to the small hours.
        case meterAway
        /// Waldur does not answer in that time.
        case waldurAway
    }

    let site: Site
    /// The month that begins, of 2...13.
    let month: Int
    var task = Task.onTime
    var outage: Outage?

    /// What is not as it should be; all other months turn on time and without an outage.
    static let exceptions = [
        YearTurn(site: .north, month: 2, outage: .meterAway),
        YearTurn(site: .east, month: 5, outage: .waldurAway),
        YearTurn(site: .north, month: 6, task: .fourHoursLate),
        YearTurn(site: .north, month: 8, outage: .meterAway),
        YearTurn(site: .east, month: 8, outage: .waldurAway),
        YearTurn(site: .north, month: 9, task: .failed),
    ]

    static func turn(_ site: Site, _ month: Int) -> YearTurn {
        exceptions.first { $0.site == site && $0.month == month }
            ?? YearTurn(site: site, month: month)
    }

    private func row(_ time: String, _ act: YearAct) -> YearRow {
        YearRow(minute: site.minute(time), site: site, act: act)
    }

    /// The last totals before it, and the first after it.
    var rows: [YearRow] {
        let old = YearMonth(month - 1)
        let new = YearMonth(month)
        let last = "\(old)-\(old.lastDay) 23:45"
        var rows: [YearRow] = []
        switch outage {
        case nil: rows = [row(last, .reports), row("\(new)-01 00:45", .reports)]
        case .meterAway: rows = [row("\(new)-01 03:10", .reports)]
        case .waldurAway:
            rows = [
                row(last, .reportsInVain), row("\(new)-01 00:45", .reportsInVain),
                row("\(new)-01 03:10", .reports),
            ]
        }
        switch task {
        case .onTime: rows.append(row("\(new)-01 00:05", .runsMonthlyTask))
        case .fourHoursLate:
            rows += [
                row("\(new)-01 04:05", .runsMonthlyTask), row("\(new)-01 04:45", .reports),
            ]
        case .failed:
            rows += [
                row("\(new)-03 09:00", .resumes(month)), row("\(new)-03 09:10", .reports),
                row("\(new)-20 10:00", .runsMonthlyTask),
            ]
        }
        return rows
    }

    /// Meter's and Waldur's own rhythm through the year: totals three times a month and around each turn.
    static let rhythm: [YearRow] = Site.allCases.flatMap { site in
        (1...12).flatMap { month in
            ["05", "15", "25"].map { day in
                YearRow(
                    minute: site.minute("\(YearMonth(month))-\(day) 12:00"),
                    site: site,
                    act: .reports
                )
            } + turn(site, month + 1).rows
        }
    }
}
