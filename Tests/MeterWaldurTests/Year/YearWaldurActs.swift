import YearTruth

/// What buyers, the provider, staff and strangers do in a Waldur.
enum YearWaldurActs {
    /// - Returns: Whether it is theirs.
    static func perform(_ row: YearRow, _ simulation: Simulation) async throws -> Bool {
        let double = simulation.world
        switch row.act {
        case .switches(let resource, let plan):
            try double.switchYearPlan(resource, to: plan)
        case .asksToEnd(let resource): try double.askToEnd(resource)
        case .approvesEnd(let resource): try double.approveEnd(resource)
        case .orders(let resource): try double.order(.named(resource))
        case .moves(let resource, let customer): try double.move(resource, to: customer)
        case .announces(let plan, let component, let price):
            try double.announce(plan, component, price)
        case .runsMonthlyTask: try double.runMonthlyTask()
        case .grantsCredit(let customer, let value): try double.grantCredit(customer, value)
        case .edits(let resource, let component, let month, let quantity):
            try double.edit(resource, component, YearMonth(month), quantity)
        case .compensates(let resource, let component, let month):
            try double.compensate(resource, component, YearMonth(month))
        case .overwrites(let name, let component, let quantity):
            let resource = YearResource.named(name)
            _ = await double.report(
                DoubleWorld.yearID("e", resource.tenant.site, resource.number),
                component,
                quantity
            )
        default: return false
        }
        return true
    }
}
