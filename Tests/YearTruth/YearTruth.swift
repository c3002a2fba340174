/// What must be on every invoice of the year, and where everything else is, from the script alone.
package struct YearTruth: Sendable {
    /// An amount of a component at a price.
    package struct Priced: Hashable, Sendable {
        package let component: String
        /// How many of Meter's smallest units make one that has the price.
        package let size: Int
        /// A count of 1e-10.
        package let price: Int128

        package init(component: String, size: Int, price: Int128) {
            (self.component, self.size, self.price) = (component, size, price)
        }
    }

    package internal(set) var invoices: [YearInvoiceKey: YearInvoice] = [:]
    /// In Meter's smallest units.
    package internal(set) var classes: [YearClass: [Priced: Int128]] = [:]
    /// What Meter tells Waldur, in hundredths: by resource, component and month, as in `e05 images 2026-11`.
    package internal(set) var told: [String: Int128] = [:]

    /// In Meter's smallest units: what is to be billed in each row.
    var rows: [YearRowKey: Int128] = [:]
    /// Everything that was used.
    package private(set) var used: [String: Int128] = [:]
    /// What leaves a row for another, or for none.
    package internal(set) var carries: [YearCarry] = []
    /// Why Meter's rows, Waldur's and its invoices differ.
    package internal(set) var shares: [YearShare] = []
    package private(set) var otherItems: Set<YearOtherItems> = []
    /// What Meter tells in each row, in hundredths, and less than a hundredth that is left over there, in
    /// smallest units.
    var figures: [YearRowKey: (told: Int128, left: Int128)] = [:]
    /// What is left over in rows that nothing has left yet.
    var openResidues: [YearRowKey: Int128] = [:]
    /// What rows were short of for what was taken back from them, when their month ended.
    var shortfalls: [YearRowKey: (amount: Int128, state: YearCarry.State)] = [:]
    /// What somebody else's figure that was accepted has taken from a row, in smallest units.
    var accepted: [YearRowKey: Int128] = [:]

    /// - Parameter script: The year, or what of it has happened until some time.
    package init(_ script: [YearRow] = Year.rows) {
        let facts = YearFacts(script)
        var settled: [(use: YearRow, fate: YearFate)] = []
        for row in script {
            guard case .uses(_, let component, let amount, _, _, _, _) = row.act,
                let fate = facts.fate(of: row)
            else { continue }
            used[component, default: 0] += Int128(amount)
            settled.append((row, settle(fate, component, of: row, script, facts)))
        }
        for (use, fate) in settled {
            guard case .uses(_, let component, let amount, _, _, _, _) = use.act else { continue }
            add(Int128(amount), of: component, fate)
        }
        for row in script { correct(row, script, facts) }
        bill(script, facts)
        carry(settled, script, facts)
        explain(settled, script, facts)
        otherItems = Self.otherItems(invoices, facts)
    }

    /// What somebody decides about what waits.
    private func settle(
        _ fate: YearFate,
        _ component: String,
        of use: YearRow,
        _ script: [YearRow],
        _ facts: YearFacts
    ) -> YearFate {
        let waiting: Set<YearClass> = [.otherPrice, .otherPlan, .otherCustomer, .resourceGone]
        guard waiting.contains(fate.kind), let resource = fate.resource else { return fate }
        for row in script where row.minute > use.arrival {
            guard case .settles(resource, component, let how) = row.act else { continue }
            var settled = fate
            switch how {
            case .creditRequest: settled.kind = .creditRequested
            case .writtenOff: settled.kind = .writtenOff
            case .landed:
                let period = facts.period(resource, at: row.minute)
                settled.kind = .carried
                settled.row = YearRowKey(
                    resource: resource,
                    component: component,
                    month: row.site.month(of: row.minute),
                    period: period
                )
                settled.price = facts.price(resource, component, period: period, at: row.minute)
            }
            return settled
        }
        return fate
    }

    private mutating func add(_ amount: Int128, of component: String, _ fate: YearFate) {
        let size =
            fate.resource
            .flatMap { YearResource.named($0).offer.component(component)?.size } ?? 1
        let priced = Priced(component: component, size: size, price: fate.price)
        classes[fate.kind, default: [:]][priced, default: 0] += amount
        if let row = fate.row { rows[row, default: 0] += amount }
    }

    /// What people change about usage that is there.
    private mutating func correct(_ row: YearRow, _ script: [YearRow], _ facts: YearFacts) {
        switch row.act {
        case .voids:
            for (origin, amount) in Self.voided(by: row, script, facts) {
                takeBack(
                    amount,
                    from: origin,
                    at: row,
                    now: script.last?.arrival ?? row.minute,
                    facts
                )
            }
        case .accepts(let resource, let component):
            accept(resource, component, at: row, script, facts)
        default: break
        }
    }

    /// What is taken back of a month that is over lowers the totals of two months down to zero; a credit is
    /// requested for the rest.
    private mutating func takeBack(
        _ amount: Int128,
        from origin: YearRowKey,
        at row: YearRow,
        now: Int,
        _ facts: YearFacts
    ) {
        let (resource, component) = (origin.resource, origin.component)
        var left = amount
        var month = row.site.month(of: row.minute)
        let priced = Priced(
            component: component,
            size: YearResource.named(resource).offer.component(component)?.size ?? 1,
            price: facts.price(resource, component, period: origin.period, at: row.minute)
        )
        func key(_ month: YearMonth) -> YearRowKey {
            YearRowKey(
                resource: resource,
                component: component,
                month: month,
                period: facts.period(resource, at: row.site.start(of: month))
            )
        }
        carries.append(
            YearCarry(
                from: origin,
                reason: .takenBack,
                amount: -left,
                state: .landed(key(month))
            )
        )
        for cut in 1...2 {
            let key = key(month)
            let taken = min(left, rows[key] ?? 0)
            rows[key, default: 0] -= taken
            left -= taken
            classes[.billed]?[priced, default: 0] -= taken
            classes[.takenBack, default: [:]][priced, default: 0] += taken
            month = month.next
            if left > 0, row.site.start(of: month) <= now {
                let next = YearRowKey(
                    resource: resource,
                    component: component,
                    month: month,
                    period: facts.period(resource, at: row.site.start(of: month))
                )
                shortfalls[key] = (left, cut == 2 ? .creditRequested : .landed(next))
            }
        }
        classes[.creditDue, default: [:]][priced, default: 0] += left
    }

    /// Of each row what a void takes back: everything that the agent had sent of that time.
    static func voided(
        by row: YearRow,
        _ script: [YearRow],
        _ facts: YearFacts
    ) -> [YearRowKey: Int128] {
        guard case .voids(let tenant, let agent, let from, let to) = row.act else { return [:] }
        let minutes = row.site.minute(from)..<row.site.minute(to)
        var amounts: [YearRowKey: Int128] = [:]
        for use in script where minutes.contains(use.minute) && use.arrival < row.minute {
            guard case .uses(tenant, _, let amount, agent, _, _, _) = use.act,
                let origin = facts.fate(of: use)?.origin
            else { continue }
            amounts[origin, default: 0] += Int128(amount)
        }
        return amounts
    }

    /// A figure that somebody else wrote stands instead of what was told before.
    private mutating func accept(
        _ resource: String,
        _ component: String,
        at row: YearRow,
        _ script: [YearRow],
        _ facts: YearFacts
    ) {
        let size = Int128(YearResource.named(resource).offer.component(component)?.size ?? 1)
        let overwriting = script.last { other in
            guard case .overwrites(resource, component, _) = other.act else { return false }
            return other.minute < row.minute
        }
        guard let overwriting, case .overwrites(_, _, let quantity) = overwriting.act else {
            return
        }
        let month = row.site.month(of: row.minute)
        var told = Int128(0)
        for use in script {
            guard case .uses(_, component, let amount, _, _, _, _) = use.act,
                let fate = facts.fate(of: use), fate.resource == resource, let key = fate.row,
                key.month == month,
                let report = facts.firstReport(resource, component, after: use.arrival),
                report < overwriting.minute
            else { continue }
            told += Int128(amount)
        }
        let lost = told - YearMoney.hundredths(quantity) * size / 100
        let key = YearRowKey(resource: resource, component: component, month: month, period: 0)
        rows[key, default: 0] -= lost
        accepted[key, default: 0] += lost
        let priced = Priced(
            component: component,
            size: Int(size),
            price: facts.price(resource, component, period: 0, at: row.minute)
        )
        classes[.billed]?[priced, default: 0] -= lost
        classes[.changedInWaldur, default: [:]][priced, default: 0] += lost
    }
}

extension YearTruth {
    /// What of a class there is, by component.
    package func units(_ kind: YearClass) -> [String: Int128] {
        var units: [String: Int128] = [:]
        for (priced, amount) in classes[kind] ?? [:] {
            units[priced.component, default: 0] += amount
        }
        return units.filter { $0.value != 0 }
    }

    /// What a class is worth, each price rounded up to a hundredth.
    package func money(_ kind: YearClass) -> Int128 { Self.money(classes[kind] ?? [:]) }

    package static func money(_ amounts: [Priced: Int128]) -> Int128 {
        amounts.map { priced, amount in
            let parts = Int128(priced.size) * (YearMoney.priceUnits / 100)
            let product = priced.price * amount
            return product >= 0
                ? (product + parts - 1) / parts : -((-product + parts - 1) / parts)
        }.reduce(0, +)
    }
}

extension YearTruth {
    /// The year in numbers, a line for each class.
    package var table: [String] {
        YearClass.allCases.compactMap { kind in
            let units = units(kind).sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
            if units.isEmpty { return nil }
            let money = kind.hasPrice ? ", " + YearMoney.text(money(kind)) : ""
            return "\(kind.rawValue): " + units.joined(separator: ", ") + money
        }
    }

    /// Everything that was used and is in no class, or is in one and was never used.
    package var missing: [String: Int128] {
        var missing = used
        // What is left over was counted where it is billed next, and a credit is for what was billed.
        for kind in YearClass.allCases where kind != .residue && kind != .creditDue {
            for (component, amount) in units(kind) { missing[component, default: 0] -= amount }
        }
        return missing.filter { $0.value != 0 }
    }
}

extension YearClass {
    /// Somebody pays for it, or would have paid.
    package var hasPrice: Bool {
        switch self {
        case .free, .trial, .shadow, .notInOffering, .noPlan, .unbilledOutcome, .unassigned,
            .residue, .untold:
            false
        default: true
        }
    }
}
