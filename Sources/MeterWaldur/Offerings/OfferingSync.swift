package import Meter
package import MeterWire

/// How an offering's components are fed, as read from Waldur and as it will be booked: a pure function of
/// the offering, the book, and what a person says.
package struct OfferingSync: Equatable, Sendable {
    /// What feeds a component, with how many smallest units make one measured unit.
    package struct Feed: Equatable, Sendable {
        package let component: Name
        package let ratio: UnitRatio
    }

    package struct Row: Equatable, Sendable {
        package enum State: Equatable, Sendable {
            /// Booked as it stands here, or to be booked.
            case new
            case changed
            case unchanged
            /// Waldur takes no usage for its billing type.
            case notByUsage
            /// Nothing declared feeds it: its usage is not told.
            case notFed
            /// Its unit is not told by its name, or the ratio is out of range.
            case unitUnknown(String)
            /// The book refuses it.
            case refused(DecisionRefusal)
        }

        package let component: Name
        package let billingType: String
        package let measuredUnit: String
        package let feeds: [Feed]
        package let bills: BilledOutcomes
        package let state: State
        /// What is booked; nil where nothing is.
        package let decision: OfferingUnitSet?
    }

    package let offering: WaldurOffering
    package let rows: [Row]

    /// What the book does not say yet.
    package var decisions: [Decision] {
        rows.compactMap { $0.decision.map(Decision.offeringUnitSet) }
    }

    /// - Parameter given: What a person says; of other components what the book says stays, and what it
    ///   does not say is fed by Meter's component of the same name and bills every outcome.
    /// - Throws: Where `given` names a component that the offering does not bill by usage.
    package init(
        _ offering: WaldurOffering,
        given: OfferingWishes,
        waldur: WaldurID,
        book: BookState
    ) throws(ReporterTrouble) {
        self.offering = offering
        var said: [Name: [OfferingFeeds.Feed]] = [:]
        var billed: [Name: BilledOutcomes] = [:]
        for component in given.feeds.map(\.component) + given.bills.map(\.component)
        where !offering.usageComponents.contains(component) {
            throw ReporterTrouble(
                "offering \(offering.name) bills no component \(component) by usage; it has "
                    + offering.usageComponents.map(\.description).joined(separator: ", ")
            )
        }
        for bills in given.bills {
            guard billed.updateValue(bills.bills, forKey: bills.component) == nil else {
                throw ReporterTrouble("component \(bills.component) is given twice")
            }
        }
        for feeds in given.feeds {
            guard said.updateValue(feeds.feeds, forKey: feeds.component) == nil else {
                throw ReporterTrouble("component \(feeds.component) is given twice")
            }
        }
        let fedElsewhere = Set(given.feeds.flatMap { $0.feeds.map(\.component) })
        rows = offering.components.sorted { $0.name < $1.name }.map { component in
            var feeds = said[component.name]
            // What a person gave to another component no longer makes up the one of its own name.
            if feeds == nil, fedElsewhere.contains(component.name) { feeds = [] }
            return Self.row(
                component, feeds, billed[component.name],
                OfferingComponent(
                    waldur: waldur,
                    offering: offering.id,
                    component: component.name
                ), book)
        }
    }

    private static func row(
        _ component: WaldurOffering.Component,
        _ said: [OfferingFeeds.Feed]?,
        _ billed: BilledOutcomes?,
        _ key: OfferingComponent,
        _ book: BookState
    ) -> Row {
        let known = book.billing.offeringUnits[key]
        let bills = billed ?? known?.bills ?? .all
        func row(
            _ state: Row.State,
            _ feeds: [Feed] = [],
            _ decision: OfferingUnitSet? = nil
        ) -> Row {
            Row(
                component: component.name,
                billingType: component.billingType,
                measuredUnit: component.measuredUnit,
                feeds: feeds,
                bills: bills,
                state: state,
                decision: decision
            )
        }
        guard component.billingType == "usage" else { return row(.notByUsage) }
        if said == nil, let known, known.reportedUnit == component.measuredUnit {
            let unit = known.billing(bills)
            if unit == known { return row(.unchanged, ratios(known)) }
            if let refusal = book.refusal(of: .offeringUnitSet(unit)) {
                return row(.refused(refusal), ratios(known))
            }
            return row(.changed, ratios(known), unit)
        }
        let named =
            said
            ?? (known?.feeds ?? [ComponentFeed(component: component.name, weight: 1)])
            .map { OfferingFeeds.Feed(component: $0.component) }
        var feeds: [Feed] = []
        for feed in named {
            guard let declared = book.components[feed.component] else {
                if said == nil { return row(.notFed) }
                return row(.refused(.unknownComponent(feed.component)))
            }
            guard let ratio = feed.ratio ?? ratio(of: declared, in: component.measuredUnit) else {
                return row(
                    .unitUnknown(
                        "how many \(declared.unit) of \(declared.name) make one "
                            + "\(component.measuredUnit)? say so: --feed "
                            + "\(component.name)=\(declared.name):N"
                    )
                )
            }
            feeds.append(Feed(component: feed.component, ratio: ratio))
        }
        if feeds.isEmpty { return row(.notFed) }
        guard let unit = unit(key, component.measuredUnit, feeds)?.billing(bills) else {
            return row(.unitUnknown("the ratios have no common unit below 2^64"), feeds)
        }
        if unit == known { return row(.unchanged, feeds) }
        if let refusal = book.refusal(of: .offeringUnitSet(unit)) {
            // Its own component feeds another one: nobody asked for it here.
            if said == nil, case .feedsAnother = refusal { return row(.notFed) }
            return row(.refused(refusal), feeds)
        }
        return row(known == nil ? .new : .changed, feeds, unit)
    }

    private static func ratio(of declared: Component, in measured: String) -> UnitRatio? {
        declared.reportedUnit == measured
            ? UnitRatio(declared.unitsPerReported)
            : UnitRatio.between(smallest: declared.unit, measured: measured)
    }

    /// How many smallest units of each feed make one measured unit, from weights.
    package static func ratios(_ unit: OfferingUnitSet) -> [Feed] {
        unit.feeds.compactMap { feed in
            UnitRatio(unit.unitsPerReported, per: feed.weight)
                .map { Feed(component: feed.component, ratio: $0) }
        }
    }

    /// Base units into which the measured unit and every smallest unit divide; nil where they leave 64
    /// bits.
    private static func unit(
        _ key: OfferingComponent,
        _ measured: String,
        _ feeds: [Feed]
    ) -> OfferingUnitSet? {
        var units: UInt64 = 1
        for feed in feeds {
            let common = UnitRatio.commonDivisor(units, feed.ratio.numerator)
            let (product, overflow) = units.multipliedReportingOverflow(
                by: feed.ratio.numerator / common
            )
            guard !overflow else { return nil }
            units = product
        }
        var parts: [ComponentFeed] = []
        for feed in feeds {
            let (weight, overflow) = (units / feed.ratio.numerator).multipliedReportingOverflow(
                by: feed.ratio.denominator
            )
            guard !overflow else { return nil }
            parts.append(ComponentFeed(component: feed.component, weight: weight))
        }
        let isOwn = parts == [ComponentFeed(component: key.component, weight: 1)]
        return OfferingUnitSet(
            waldur: key.waldur,
            offering: key.offering,
            component: key.component,
            reportedUnit: measured,
            unitsPerReported: units,
            fedBy: isOwn ? nil : parts
        )
    }
}

extension OfferingUnitSet {
    fileprivate func billing(_ bills: BilledOutcomes) -> OfferingUnitSet {
        OfferingUnitSet(
            waldur: waldur,
            offering: offering,
            component: component,
            reportedUnit: reportedUnit,
            unitsPerReported: unitsPerReported,
            fedBy: fedBy,
            bills: bills == .all ? nil : bills
        )
    }
}

extension ReporterService {
    /// Reads an offering and books how its components are fed, or says what would be booked.
    package nonisolated func syncOffering(
        _ id: OfferingID,
        given: OfferingWishes,
        isDryRun: Bool,
        author: String
    ) async throws(ReporterTrouble) -> OfferingSync {
        let offering: WaldurOffering
        do throws(WaldurError) {
            offering = try await client.offering(id)
        } catch {
            throw ReporterTrouble("offering \(id): \(error)")
        }
        let sync = try OfferingSync(
            offering,
            given: given,
            waldur: settings.waldur,
            book: engine.bookState
        )
        let decisions = sync.decisions
        if !isDryRun, !decisions.isEmpty { try await engine.decide(decisions, author: author) }
        return sync
    }
}
