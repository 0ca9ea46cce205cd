// NOT COMPILED BY THIS PROJECT: it needs the Android SDK. What it feeds is tested on the JVM (`Host.kt`).
package app.rapport.android

import android.content.Context
import android.net.ConnectivityManager
import androidx.lifecycle.Lifecycle
import androidx.lifecycle.LifecycleEventObserver
import androidx.lifecycle.ProcessLifecycleOwner
import androidx.work.CoroutineWorker
import androidx.work.WorkerParameters
import app.rapport.BackgroundResult
import app.rapport.LifecycleMonitor
import app.rapport.NetworkMonitor
import app.rapport.Rapport
import app.rapport.backgroundSync
import app.rapport.ffi.Network
import java.time.Duration
import kotlinx.coroutines.channels.awaitClose
import kotlinx.coroutines.flow.callbackFlow

/** The network, from ConnectivityManager. */
fun networkOf(context: Context) = NetworkMonitor {
    callbackFlow {
        val manager = context.getSystemService(ConnectivityManager::class.java)
        trySend(if (manager.activeNetwork == null) Network.OFFLINE else Network.ONLINE)
        val callback = object : ConnectivityManager.NetworkCallback() {
            override fun onAvailable(network: android.net.Network) {
                trySend(Network.ONLINE)
            }

            override fun onLost(network: android.net.Network) {
                trySend(Network.OFFLINE)
            }
        }
        manager.registerDefaultNetworkCallback(callback)
        awaitClose { manager.unregisterNetworkCallback(callback) }
    }
}

/** Whether the app is in front, from ProcessLifecycleOwner; collect it on the main thread. */
val appLifecycle = LifecycleMonitor {
    callbackFlow {
        val lifecycle = ProcessLifecycleOwner.get().lifecycle
        val observer = LifecycleEventObserver { _, _ -> trySend(lifecycle.currentState.isAtLeast(Lifecycle.State.STARTED)) }
        lifecycle.addObserver(observer)
        awaitClose { lifecycle.removeObserver(observer) }
    }
}

/** A background sync for WorkManager; the app says where its [Rapport] is. */
abstract class SyncWorker(context: Context, parameters: WorkerParameters) : CoroutineWorker(context, parameters) {
    abstract suspend fun rapport(): Rapport

    override suspend fun doWork(): Result = when (rapport().backgroundSync(SLOT)) {
        BackgroundResult.DONE -> Result.success()
        BackgroundResult.RETRY -> Result.retry()
        BackgroundResult.GIVE_UP -> Result.failure()
    }

    private companion object {
        /** WorkManager ends a worker after ten minutes. */
        val SLOT: Duration = Duration.ofMinutes(9)
    }
}
