package app.rapport

import app.rapport.ffi.ClientException
import app.rapport.ffi.Network
import app.rapport.ffi.SyncOutcome
import java.time.Duration
import kotlinx.coroutines.flow.Flow

/** What the system says of the network; on Android from ConnectivityManager. The first value is what is now. */
fun interface NetworkMonitor {
    fun changes(): Flow<Network>
}

/** Whether the app is in front; on Android from ProcessLifecycleOwner. The first value is what is now. */
fun interface LifecycleMonitor {
    fun changes(): Flow<Boolean>
}

/** What a scheduler of background work is to do next; on Android WorkManager's `Result`. */
enum class BackgroundResult { DONE, RETRY, GIVE_UP }

/** Passes what the system says on, until it is cancelled: one coroutine for each in the app's scope. */
suspend fun Rapport.follow(network: NetworkMonitor) = network.changes().collect(::setNetwork)

/** Passes on whether the app is in front, until it is cancelled. */
suspend fun Rapport.follow(lifecycle: LifecycleMonitor) = lifecycle.changes().collect(::setForeground)

/** One slot of background work. Ends two seconds before the slot does, so that it is never killed in the middle. */
suspend fun Rapport.backgroundSync(slot: Duration): BackgroundResult = try {
    when (sync(time = slot.minusSeconds(2).coerceAtLeast(Duration.ZERO))) {
        is SyncOutcome.Done -> BackgroundResult.DONE
        is SyncOutcome.OutOfBudget -> BackgroundResult.RETRY
    }
} catch (_: ClientException.Offline) {
    BackgroundResult.RETRY
} catch (_: ClientException) {
    // Shut out, signed out, full: trying again in the background does not help, the app shows it.
    BackgroundResult.GIVE_UP
}
