"""Events that run one after the other on a thread of their own, and the futures in which they end."""

from magscope_app.engine.engine import ExecutionEngine
from magscope_app.engine.errors import EngineShutDown, EventAborted, EventStopped
from magscope_app.engine.events import Abortable, DataProducing, ExecutorEvent, Stoppable
from magscope_app.engine.future import ExecutionFuture
from magscope_app.engine.notifications import DataAcquired, DataStored, EventExecuted, Notification

__all__ = [
    "Abortable",
    "DataAcquired",
    "DataProducing",
    "DataStored",
    "EngineShutDown",
    "EventAborted",
    "EventExecuted",
    "EventStopped",
    "ExecutionEngine",
    "ExecutionFuture",
    "ExecutorEvent",
    "Notification",
    "Stoppable",
]
