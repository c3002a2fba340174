extension YearTruth {
    /// Divides every difference among its causes.
    mutating func explain(
        _ settled: [(use: YearRow, fate: YearFate)],
        _ script: [YearRow],
        _ facts: YearFacts
    ) {
        explainCarries()
        explainUntold(settled, script, facts)
        explainUnbilled(settled, script, facts)
        explainPrices(facts)
        explainUsers(settled, facts)
        for (row, lost) in accepted { shares.append(YearShare(row, .acceptedFigure, lost * 100)) }
        for row in script { explain(row, script, facts) }
    }

    private mutating func explainCarries() {
        for carry in carries {
            let kind = carry.reason == .residue ? YearCause.rounding : .carried
            let cause: YearCause =
                switch carry.state {
                case .landed: kind
                case .creditRequested: .creditRequested
                case .writtenOff: .writtenOff
                case .waits(.otherPlan): .waitsForPlan
                case .waits(.otherCustomer): .waitsForCustomer
                case .waits(.resourceGone): .waitsForResource
                case .waits: .waitsForPrice
                }
            shares.append(YearShare(carry.from, cause, carry.amount * 100))
            if case .landed(let row) = carry.state {
                shares.append(YearShare(row, kind, -carry.amount * 100))
            }
        }
        for (row, residue) in openResidues {
            shares.append(YearShare(row, .rounding, residue * 100))
        }
    }

    /// What has come since the last totals.
    private mutating func explainUntold(
        _ settled: [(use: YearRow, fate: YearFate)],
        _ script: [YearRow],
        _ facts: YearFacts
    ) {
        var untold: [YearRowKey: Int128] = [:]
        for (use, fate) in settled where fate.kind == .untold {
            guard case .uses(_, _, let amount, _, _, _, _) = use.act, let row = fate.origin else {
                continue
            }
            untold[row, default: 0] += Int128(amount)
        }
        for (row, amount) in untold {
            let size = size(row)
            let told = figures[row]?.told ?? 0
            let price = duePrice(row, facts)
            // What was left over has gone to the next month by then.
            let more = amount * 100 / size
            shares.append(
                YearShare(
                    row,
                    .untold,
                    amount * 100,
                    money: YearMoney.itemPrice(price, quantity: told + more)
                        - YearMoney.itemPrice(price, quantity: told)
                )
            )
        }
    }

    /// What is metered and billed to nobody.
    private mutating func explainUnbilled(
        _ settled: [(use: YearRow, fate: YearFate)],
        _ script: [YearRow],
        _ facts: YearFacts
    ) {
        struct Place: Hashable {
            let resource: String
            let component: String
            let month: YearMonth
            let cause: YearCause
        }
        var amounts: [Place: Int128] = [:]
        for (use, fate) in settled {
            guard case .uses(_, let component, let amount, _, _, _, _) = use.act,
                let resource = fate.resource, let cause = fate.kind.cause
            else { continue }
            let place = Place(
                resource: resource,
                component: component,
                month: use.site.month(of: use.minute),
                cause: cause
            )
            amounts[place, default: 0] += Int128(amount) * 100
        }
        for (place, amount) in amounts {
            // Beside what somebody else tells of it.
            let others =
                place.cause == .shadow && !facts.isLive(place.resource, in: place.month)
                ? overwritten(place.resource, place.component, in: place.month, script) : nil
            shares.append(
                YearShare(
                    resource: place.resource,
                    component: place.component,
                    month: place.month,
                    cause: place.cause,
                    amount: amount - (others ?? 0)
                )
            )
        }
    }

    /// The last figure that somebody else wrote in a month, in hundredths of the smallest unit.
    private func overwritten(
        _ resource: String,
        _ component: String,
        in month: YearMonth,
        before minute: Int = .max,
        _ script: [YearRow]
    ) -> Int128? {
        for row in script.reversed() where row.minute < minute {
            guard case .overwrites(resource, component, let quantity) = row.act,
                row.site.month(of: row.minute) == month
            else { continue }
            let size = YearResource.named(resource).offer.component(component)?.size ?? 1
            return YearMoney.hundredths(quantity) * Int128(size)
        }
        return nil
    }

    private mutating func explainPrices(_ facts: YearFacts) {
        for (row, figure) in figures where figure.told != 0 {
            let (frozen, due) = (frozenPrice(row, facts), duePrice(row, facts))
            guard frozen != due else { continue }
            shares.append(
                YearShare(
                    row,
                    .priceBeforeTurn,
                    0,
                    money: YearMoney.itemPrice(due, quantity: figure.told)
                        - YearMoney.itemPrice(frozen, quantity: figure.told)
                )
            )
        }
    }

    private mutating func explainUsers(
        _ settled: [(use: YearRow, fate: YearFate)],
        _ facts: YearFacts
    ) {
        var users: [YearRowKey: [String: Int128]] = [:]
        for (use, fate) in settled {
            guard case .uses(let tenant, _, let amount, _, _, _, _) = use.act,
                let row = fate.origin, figures[row]?.told ?? 0 != 0,
                tenant != invoice(row, facts).customer
            else { continue }
            users[row, default: [:]][tenant, default: 0] += Int128(amount)
        }
        for (row, amounts) in users {
            shares.append(
                YearShare(
                    row,
                    .usedByAnother,
                    0,
                    money: 0,
                    users: amounts,
                    payer: invoice(row, facts).customer
                )
            )
        }
    }

    private mutating func explain(_ row: YearRow, _ script: [YearRow], _ facts: YearFacts) {
        switch row.act {
        case .voids:
            for (origin, amount) in Self.voided(by: row, script, facts) {
                shares.append(YearShare(origin, .takenBack, amount * 100))
            }
        case .adopts(let resource, let from):
            let minute = row.site.minute(from)
            for component in YearResource.named(resource).offer.components {
                let month = row.site.month(of: minute)
                let before = overwritten(
                    resource,
                    component.name,
                    in: month,
                    before: row.minute,
                    script
                )
                guard let before else { continue }
                let key = YearRowKey(
                    resource: resource,
                    component: component.name,
                    month: month,
                    period: facts.period(resource, at: minute)
                )
                shares.append(YearShare(key, .openingBalance, -before))
            }
        case .edits(let resource, let component, let month, let quantity):
            let key = YearRowKey(
                resource: resource,
                component: component,
                month: YearMonth(month),
                period: 0
            )
            let told = figures[key]?.told ?? 0
            let stands = YearMoney.hundredths(quantity)
            let price = frozenPrice(key, facts)
            shares.append(
                YearShare(
                    key,
                    .edited,
                    (told - stands) * size(key),
                    money: YearMoney.itemPrice(price, quantity: told)
                        - YearMoney.itemPrice(price, quantity: stands)
                )
            )
        default: break
        }
    }

    private func size(_ row: YearRowKey) -> Int128 {
        Int128(YearResource.named(row.resource).offer.component(row.component)?.size ?? 1)
    }

    /// What the plan asked for when Waldur had turned the month.
    private func duePrice(_ row: YearRowKey, _ facts: YearFacts) -> Int128 {
        let site = YearResource.named(row.resource).tenant.site
        return facts.price(
            row.resource,
            row.component,
            period: row.period,
            at: site.start(of: row.month.next) - 1
        )
    }
}
