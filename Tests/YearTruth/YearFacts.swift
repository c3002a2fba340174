/// What the script says of the world, so that one can look up how things stood at a minute.
struct YearFacts {
    struct Binding {
        let access: String
        let tenant: String
        let agent: String
        let resource: String
        let from: Int
        var to: Int?
        let kind: String
        /// When somebody has bound it.
        let known: Int
    }

    struct PlanPeriod {
        let plan: Int
        let start: Int
        var end: Int?
    }

    private(set) var bindings: [Binding] = []
    private var periods: [String: [PlanPeriod]] = [:]
    private var customers: [String: [(from: Int, customer: String)]] = [:]
    /// When resources ended.
    private(set) var ends: [String: Int] = [:]
    /// By plan and component, each price with its first minute.
    private var prices: [String: [(from: Int, price: Int128)]] = [:]
    /// When Meter may tell totals of a month.
    private var turned: [Site: [YearMonth: Int]] = [:]
    private var reports: [Site: [Int]] = [:]
    /// Components that Waldur refuses, from a minute to the end of its month.
    private(set) var refusing: [(resource: String, component: String, from: Int)] = []
    /// Totals that do not arrive in their month.
    private(set) var lost: [(resource: String, at: Int)] = []

    init(_ rows: [YearRow]) {
        for resource in YearResource.all {
            let start = Site.north.minute("01-02 00:00")
            periods[resource.name] = [PlanPeriod(plan: 0, start: start)]
            customers[resource.name] = [(0, resource.tenant.name)]
        }
        for plan in YearOffer.all.flatMap(\.plans) {
            for (component, price) in plan.prices {
                prices[plan.name + component] = [(0, YearMoney.price(price))]
            }
        }
        var announced: [Site: [(key: String, price: Int128)]] = [:]
        for row in rows {
            let (minute, site) = (row.minute, row.site)
            switch row.act {
            case .binds(let access, let tenant, let agent, let resource, let from, let kind):
                bindings.append(
                    Binding(
                        access: access,
                        tenant: tenant,
                        agent: agent,
                        resource: resource,
                        from: site.minute(from),
                        kind: kind,
                        known: minute
                    )
                )
            case .unbinds(let access): end(access, at: minute)
            case .adopts(let resource, let from): adopt(resource, from: site.minute(from), minute)
            case .switches(let resource, let plan): change(resource, to: plan, at: minute)
            case .orders(let resource):
                periods[resource] = [PlanPeriod(plan: 0, start: minute)]
            case .approvesEnd(let resource): ends[resource] = minute
            case .moves(let resource, let tenant):
                customers[resource, default: []].append((minute, tenant))
            case .announces(let plan, let component, let price):
                announced[site, default: []].append((plan + component, YearMoney.price(price)))
            case .runsMonthlyTask:
                for (key, price) in announced[site] ?? [] {
                    prices[key, default: []].append((minute, price))
                }
                announced[site] = []
                turn(site, at: minute)
            case .resumes: turn(site, at: minute)
            case .compensates(let resource, let component, _):
                refusing.append((resource, component, minute))
            case .reports: reports[site, default: []].append(minute)
            case .timesOut(let resource):
                reports[site, default: []].append(minute)
                lost.append((resource, minute))
            default: break
            }
        }
    }

    private mutating func turn(_ site: Site, at minute: Int) {
        let month = site.month(of: minute)
        let known = turned[site]?[month]
        // Nothing is told in the first half hour of a month.
        turned[site, default: [:]][month] = known ?? max(minute, site.start(of: month) + 30)
    }

    private mutating func end(_ access: String, at minute: Int) {
        for index in bindings.indices where bindings[index].access == access {
            if bindings[index].to == nil { bindings[index].to = minute }
        }
    }

    private mutating func adopt(_ resource: String, from: Int, _ known: Int) {
        for shadow in bindings where shadow.resource == resource && shadow.to == nil {
            end(shadow.access, at: from)
            bindings.append(
                Binding(
                    access: shadow.access,
                    tenant: shadow.tenant,
                    agent: shadow.agent,
                    resource: resource,
                    from: from,
                    kind: "live",
                    known: known
                )
            )
        }
    }

    private mutating func change(_ resource: String, to plan: String, at minute: Int) {
        let plans = YearResource.named(resource).offer.plans
        guard let index = plans.firstIndex(where: { $0.name == plan }) else {
            preconditionFailure("\(plan) is no plan")
        }
        let last = (periods[resource]?.count ?? 0) - 1
        periods[resource]?[last].end = minute
        periods[resource]?.append(PlanPeriod(plan: index, start: minute))
    }
}

extension YearFacts {
    func periods(_ resource: String) -> [PlanPeriod] { periods[resource] ?? [] }

    /// Which of a resource's plan periods a minute lies in.
    func period(_ resource: String, at minute: Int) -> Int {
        periods(resource).lastIndex { $0.start <= minute } ?? 0
    }

    func customer(_ resource: String, at minute: Int) -> String {
        customers[resource]?.last { $0.from <= minute }?.customer ?? ""
    }

    /// The price of a component in one of a resource's plan periods, as Waldur had it at a minute.
    func price(_ resource: String, _ component: String, period: Int, at minute: Int) -> Int128 {
        let plan = YearResource.named(resource).offer.plans[periods(resource)[period].plan]
        return prices[plan.name + component]?.last { $0.from <= minute }?.price ?? 0
    }

    func isGone(_ resource: String, at minute: Int) -> Bool {
        ends[resource].map { $0 <= minute } ?? false
    }

    func lastReport(_ site: Site) -> Int { reports[site]?.last ?? 0 }

    func hasReported(_ site: Site, in minutes: Range<Int>) -> Bool {
        reports[site]?.contains { minutes.contains($0) } ?? false
    }

    /// Somebody pays for a resource's usage at some time of a month.
    func isLive(_ resource: String, in month: YearMonth) -> Bool {
        let site = YearResource.named(resource).tenant.site
        return bindings.contains { binding in
            binding.resource == resource && binding.kind == "live"
                && binding.from < site.start(of: month.next)
                && binding.to.map { $0 > site.start(of: month) } ?? true
        }
    }

    /// The first time after a minute at which totals of a resource's component could be told.
    func firstReport(_ resource: String, _ component: String, after minute: Int) -> Int? {
        let site = YearResource.named(resource).tenant.site
        return reports[site]?.first { report in
            let month = site.month(of: report)
            let isOpen = month == YearMonth(1) || turned[site]?[month].map { $0 <= report } ?? false
            return report > minute && isOpen
                && !lost.contains { $0.resource == resource && $0.at == report }
                && !refusing.contains {
                    $0.resource == resource && $0.component == component && $0.from < report
                        && site.month(of: $0.from) == month
                }
        }
    }
}
