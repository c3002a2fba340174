/// One line of the script: when, in which Waldur, and what somebody does.
package struct YearRow: Sendable {
    /// Minutes of UTC since 1970.
    package let minute: Int
    package let site: Site
    package let act: YearAct

    static func north(_ time: String, _ act: YearAct) -> YearRow {
        YearRow(minute: Site.north.minute(time), site: .north, act: act)
    }

    static func east(_ time: String, _ act: YearAct) -> YearRow {
        YearRow(minute: Site.east.minute(time), site: .east, act: act)
    }
}

/// What somebody does. Resources, tenants and accesses are named as in the tables; times are of the row's
/// Waldur.
package enum YearAct: Sendable {
    // Agents.
    /// A tenant's agent uses something, which arrives at once or later.
    case uses(
        String, String, Int, agent: String = "helper", access: String? = nil,
        outcome: String = "ok", arrives: String? = nil)

    // The map of agents.
    /// From a time on, which may be past, an access of a tenant's agent stands for a resource.
    case binds(
        String, tenant: String, agent: String = "helper", to: String, from: String,
        as: String = "live")
    /// From this minute on it does not any more.
    case unbinds(String)
    /// Somebody else has reported the resource; from a time on Meter does.
    case adopts(String, from: String)

    // Buyers and the provider, in Waldur.
    case switches(String, to: String)
    case asksToEnd(String)
    case approvesEnd(String)
    case orders(String)
    /// Staff moves a resource to another customer.
    case moves(String, to: String)
    /// A price for the next month: plan, component, price.
    case announces(String, String, String)
    case runsMonthlyTask
    /// Money in advance.
    case grantsCredit(String, String)
    /// Staff sets the quantity of a closed invoice's item: resource, component, month, quantity.
    case edits(String, String, Int, String)
    /// Staff takes an item of a closed invoice back in this month.
    case compensates(String, String, Int)
    /// Somebody else sets a total: resource, component, quantity.
    case overwrites(String, String, String)

    // Meter's reporter.
    case reports
    /// It tries, and Waldur does not answer.
    case reportsInVain
    /// It tells the last totals once more; nobody answers to the first of them, that of this resource, and
    /// Waldur applies it a minute after midnight.
    case timesOut(String)
    /// Its host is copied; the copy is switched off.
    case isCopied
    /// The copy is switched on for one cycle, after it has heard of usage of its own: tenant, component,
    /// amount.
    case copyReports(String, String, Int)

    // Finance.
    /// Though nobody has seen Waldur turn the month.
    case resumes(Int)
    /// A figure that somebody else wrote shall stand: resource, component.
    case accepts(String, String)
    /// Whatever a tenant's agent had sent of a time should not have been.
    case voids(String, agent: String = "helper", from: String, to: String)
    /// What waits of a resource's component is settled.
    case settles(String, String, YearSettlement)
}

package enum YearSettlement: String, Sendable { case creditRequest, writtenOff, landed }
