internal import MeterWire
internal import Synchronization

/// How many streams of live totals may be open: all, and of one tenant a quarter of all.
final class LiveSeats: Sendable {
    private let taken = Mutex<[Name: Int]>([:])
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// A seat is taken as long as somebody holds it.
    final class Seat: Sendable {
        private let seats: LiveSeats
        private let tenant: Name

        fileprivate init(_ seats: LiveSeats, _ tenant: Name) {
            self.seats = seats
            self.tenant = tenant
        }

        deinit { seats.leave(tenant) }
    }

    func take(_ tenant: Name) throws(Problem) -> Seat {
        let hasRoom = taken.withLock { taken in
            let own = taken[tenant] ?? 0
            guard taken.values.reduce(0, +) < limit, own < max(limit / 4, 1) else { return false }
            taken[tenant] = own + 1
            return true
        }
        guard hasRoom else {
            throw .busy("As many streams of live totals are open as may be.", retryAfter: 30)
        }
        return Seat(self, tenant)
    }

    private func leave(_ tenant: Name) {
        taken.withLock { taken in
            let left = (taken[tenant] ?? 1) - 1
            taken[tenant] = left > 0 ? left : nil
        }
    }

    /// Streams that are open.
    var count: Int { taken.withLock { $0.values.reduce(0, +) } }
}
