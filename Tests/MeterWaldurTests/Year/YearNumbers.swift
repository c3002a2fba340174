import Meter
import MeterWaldur
import MeterWire
import Testing
import YearTruth

@testable import MeterServer

/// The year in numbers as Meter has it: from its ledgers and its book, class by class.
struct YearNumbers {
    /// In Meter's smallest units.
    private(set) var units: [YearClass: [String: Int128]] = [:]
    /// Of what waits and what was given up, by the price that its carry has.
    private(set) var priced: [YearClass: [YearTruth.Priced: Int128]] = [:]
    /// Confirmed without what was adopted, and what is left over.
    private(set) var told: [String: Int128] = [:]
    private(set) var corrected: [String: Int128] = [:]

    init(_ world: YearWorld) async throws {
        for site in Site.allCases {
            let simulation = try world.simulation(site)
            let ledger = TenantLedger(
                source: YearBilling(engine: world.engine, time: simulation.now),
                waldur: simulation.settings.waldur,
                zone: simulation.settings.zone
            )
            for month in 1...13 {
                let period = try #require(YearPeriods.period(site, YearMonth(month)))
                add(try await ledger.read(nil, in: period).month, of: site, world)
            }
            for standing in world.book.billing.carries.values
            where standing.carry.from.waldur == simulation.settings.waldur {
                add(standing, world)
            }
        }
        for standing in world.book.billing.adjustments.values {
            add(standing.adjustment, world.book)
        }
    }

    private mutating func add(_ kind: YearClass, _ component: Name, _ hundredths: Int128) {
        units[kind, default: [:]]["\(component)", default: 0] += hundredths / 100
    }

    private mutating func add(_ month: LedgerMonth, of site: Site, _ world: YearWorld) {
        for line in month.lines {
            let amount = line.amount.rawValue
            let component = line.account.component
            switch line.term {
            case .confirmed: told["\(component)", default: 0] += amount / 100
            case .opening: told["\(component)", default: 0] -= amount / 100
            case .residue: add(.residue, component, amount)
            case .notBillable(let reason):
                add(YearClass(reason), component, amount)
            default: break
            }
        }
        for correction in month.corrected {
            corrected["\(correction.key.component)", default: 0] += correction.amount.rawValue / 100
        }
        // Agents that nobody has bound are in the ledgers of both Waldurs.
        let tenants = Set(
            YearTenant.all.filter { $0.site == site }.map { YearWorld.tenant($0.name) })
        for usage in month.unassigned where tenants.contains(usage.key.tenant) {
            add(.unassigned, usage.key.component, Int128(usage.total.rawValue) * 100)
        }
    }

    private mutating func add(_ standing: CarryStanding, _ world: YearWorld) {
        let carry = standing.carry
        guard let kind = YearClass(standing, world.book) else { return }
        let amount = Int128(carry.amount.rawValue.magnitude)
        add(kind, carry.from.component, amount)
        let priced = YearTruth.Priced(
            component: "\(carry.from.component)",
            size: Int(
                world.book.unitsPerReported(carry.from.component, of: carry.from.resourceKey)),
            price: YearMoney.price(carry.price ?? "0")
        )
        self.priced[kind, default: [:]][priced, default: 0] += amount / 100
    }

    private mutating func add(_ adjustment: AdjustmentMade, _ book: BookState) {
        guard adjustment.kind == .changedInWaldur else { return }
        add(.changedInWaldur, adjustment.key.component, -adjustment.amount.rawValue)
    }
}

extension YearClass {
    fileprivate init(_ reason: NotBillableClass) {
        self =
            switch reason {
            case .free: .free
            case .trial: .trial
            case .shadow: .shadow
            case .notInOffering: .notInOffering
            case .noPlan: .noPlan
            case .unbilledOutcome: .unbilledOutcome
            case .internal, .advisory: .unassigned
            }
    }

    /// Where a carry is that is billed nowhere; nil for one that is.
    fileprivate init?(_ standing: CarryStanding, _ book: BookState) {
        let carry = standing.carry
        switch standing.settled?.settlement {
        case .landed: return nil
        case .writtenOff:
            if carry.cause == .residue { return nil }
            self = .writtenOff
        case .creditRequest: self = carry.amount < .zero ? .creditDue : .creditRequested
        case nil:
            guard standing.waits, let january = BillingMonth("2027-01") else { return nil }
            switch CarryLanding(carry, book: book, into: january).obstacle {
            case .otherPrice: self = .otherPrice
            case .otherPlan: self = .otherPlan
            case .otherCustomer: self = .otherCustomer
            case .resourceGone: self = .resourceGone
            case .notBound, .notInOffering: self = .noPlan
            case nil: return nil
            }
        }
    }
}
